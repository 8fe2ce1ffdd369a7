// Package hub holds the sockets of one node: the handshake, the frames of gatehouse.v1, the live feeds,
// re-authentication in place, forced sign-out and the polite drain.
//
// A Hub is an http.Handler. It knows no token format, store or bus: who may come in is decided by an
// [Authenticator], what sessions a user has is told by a [Directory], who is online by a [Registry], and messages
// travel by a [Courier]. In the other direction the program tells the hub what happened: [Hub.SessionEnded],
// [Hub.SessionRenewed], [Hub.UserChanged], [Hub.SessionsChanged], [Hub.PresenceChanged], [Hub.SessionPresence], [Hub.AuditAdded],
// [Hub.JobChanged] and [Hub.Deliver]. None of these waits for anything: what they write they write as far as the kernel
// takes it at once.
//
// # A socket's life
//
// A handshake is refused over HTTP only for what a browser never needs to tell apart: a node that is closing or cut
// off, too many attempts, a foreign origin. Everything else is told after the upgrade, as an error frame and a close
// code. A socket without a credential waits five seconds for an auth frame.
//
// A socket is registered first and asked about again afterwards (Authenticator.Standing). A caller records an end
// first, then makes it known to Standing, then calls SessionEnded: so either SessionEnded finds the socket, or
// Standing refuses it, and no order of events leaves an ended session with an open socket.
//
// A socket whose session owes a second factor is let in, or stays, but limited: it takes mfa, auth and pong until the
// session is raised, by whatever device and way, and then its feeds begin again. What it owes comes with its
// credential and, later, with the user's claims (UserChanged); [Factors] checks the codes.
//
// An authenticated socket has authority until Principal.Expires. It is warned before, limited at that moment, and
// closed 25 s later unless an auth frame or a refresh elsewhere (SessionRenewed) renews it. Authority never shrinks.
//
// # Feeds
//
// A feed lives while a socket here watches it. What it is told is only that something may have changed: it reads how
// that stands now, from the interfaces of Config, compares, and tells every watch what is news to it. So a hint that
// comes twice or late does no harm, and nobody watching costs nothing. The devices of a user are a feed of his own; of
// presence, of everybody's sessions, of the audit and of jobs there is one each. An [Observer] brings in what happens
// on other nodes, from the first watch to the last. From the moment that a user's roles do not allow a watch any more
// it gets nothing, and then ends.
//
// # Messages to the program
//
// A message without a recipient is for the program itself: Config.Handlers answers it by its name, and says by a [Need]
// what it asks of whoever sends it.
//
// # What it costs
//
// An idle socket has no goroutine, no timer and no buffers: it is a conn of half a kilobyte, what the WebSocket library
// keeps, and entries in the maps. Three things stand in for them, each in a file of its own. The poller tells that
// something has come (poll.go); where there is none, a goroutine reads. Agendas know when pings, deadlines and ends
// of authority of their sockets are due, with one timer for all (agenda.go). Buffers are lent while something is read or
// written (stream.go). Then a hand, a goroutine that is reused, reads until nothing is left (hands.go).
//
// Nor is there a writer: whoever brings a frame to an idle queue writes it himself, if that takes no waiting (now.go), or
// else has a hand write until the queue is empty, frames that wait together at once. The queue is bounded in bytes. Changes
// of a feed that do not fit are dropped, and the feed starts again with a snapshot once the queue has drained; messages
// that do not fit are lost on this socket, and counted. A write that misses its deadline ends the socket. So a slow client
// harms nobody but itself.
//
// # Locks
//
// Users, with their sockets and feeds, are spread over shards, and sockets over agendas, so that no lock is everybody's.
// shard.mu before feed.mu before conn.mu before agenda.mu before bell.mu. Nothing waits under any of them, and a frame is
// written under no more than a feed's; the callbacks of Config are called under none of them.
package hub
