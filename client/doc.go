// Package client signs in to a Gatehouse, keeps the session fresh and holds a live socket.
//
// # A session
//
// A [Client] is one signed-in device. Login or Register begin its session, Resume goes on with a stored refresh
// token; from then on Do and the methods built on it attach an access token and renew it when it is old. At most one
// refresh runs at a time, whoever needs it. An answer that got lost on the way does no harm: the same refresh token
// is presented again, and the server gives the same successor. What must survive a restart is the refresh token;
// Config.OnTokens hears of each one before anything is done with it.
//
// One refresh token belongs to one Client. Two that share it look like a theft: the server ends the session.
//
// # A socket
//
// Connect keeps one [Socket]. It reconnects by itself, with full jitter or when the server says, and subscribes again
// to the feeds that were asked for. The devices feed is kept as a list, in order; what does not follow the last change
// is thrown away and a snapshot asked for, so the list is never silently wrong.
//
// The token of every refresh is shown on the open socket, be it the socket's own, because the server said that its
// authority is about to end, or one that a call needed. So the connection outlives its tokens, and the server sees the
// new one used. When it comes too late all the same (4401), the Client refreshes before it connects again.
//
// # Errors and ends
//
// A refusal is an [*Error], with the code that programs read. Only the codes unauthenticated, invalid_token,
// token_expired, token_stale and session_revoked speak of the token; no other one refreshes or ends anything, above
// all not invalid_credentials. The close codes 4000 to 4499 come back. The close codes 4500 to 4999 are final: the
// socket stops. A session that is over shows itself as an [*EndedError], by a call, by Socket.Err, or by both, with
// the reason, who ended it and when. A client never comes back by itself from that.
//
// # Concurrency
//
// All methods are safe for concurrent use. No goroutine outlives a closed Socket, and a Client has none.
package client
