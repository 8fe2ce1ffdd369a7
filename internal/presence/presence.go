// Package presence says who is where. It is the rule alone: counts of connections, the death of nodes and the
// passing of time go in with the instant they happened, changes come out. There is no goroutine, clock or I/O.
//
// A session is online while it has a connection on any node, and for the grace after its last one ended, so that
// a page that reloads does not flap. Several connections are one device.
package presence

import (
	"container/heap"
	"slices"
	"time"
)

// State is how a session stands.
type State struct {
	Online      bool
	Connections int       // over all nodes; 0 during the grace
	LastSeen    time.Time // when its count last changed; a session with connections is being seen now
	Seq         int64     // of the user's latest change when this was read; 0: not known
}

// Change is one step of a session. The Seq of a user's changes goes up by one; a user who was forgotten in between
// (nobody of his was online) begins again higher than before.
type Change struct {
	UserID, SessionID string
	Online            bool
	Connections       int
	Seq               int64
	LastSeen          time.Time
}

// Totals counts what is online.
type Totals struct {
	Users, Sessions, Connections int
}

// Users holds the presence of all users with a session online; nothing else is remembered. It is not safe for
// concurrent use. Time given to it must not run backwards, or deadlines are late by as much.
type Users struct {
	grace       time.Duration
	users       map[string]*user
	leaving     leaving
	connections int
	devices     int
	lastSeq     int64 // the highest of forgotten users
}

// There is a user and a device for everybody who is online, and most have one device with connections on one node. So
// what is of one user or one device is a list, which is searched, and ids are the caller's strings.

type user struct {
	id    string
	seq   int64   // of the last change
	first *device // the others follow by next
}

// device is a session that is online.
type device struct {
	user      *user
	next      *device // of the same user
	sessionID string
	counts    []count
	lastSeen  int64 // in nanoseconds since 1970
	total     int32
	place     int32 // in leaving; -1 while there are connections
}

// count is how many connections a device has on a node; never 0.
type count struct {
	node string
	n    int32
}

// New makes an empty Users. Without a grace, sessions go offline with their last connection.
func New(grace time.Duration) *Users {
	return &Users{grace: max(grace, 0), users: map[string]*user{}}
}

// Report says that a session has n connections on a node now.
func (u *Users) Report(userID, sessionID, node string, n int, now time.Time) []Change {
	changes := u.Expire(now)
	n = max(n, 0)
	d := u.device(userID, sessionID)
	if d == nil {
		if n == 0 {
			return changes
		}
		d = u.add(userID, sessionID, now)
	}
	if d.on(node) == n {
		return changes
	}
	u.count(d, node, n)
	return append(changes, u.settle(d, now, u.grace))
}

// NodeGone says that a node is dead. Its connections are gone without a grace: a node is known to be dead only
// when its lease has run out, and its devices had that time to come back elsewhere.
func (u *Users) NodeGone(node string, now time.Time) []Change {
	changes := u.Expire(now)
	for _, d := range u.hold(node) {
		u.count(d, node, 0)
		changes = append(changes, u.settle(d, now, 0))
	}
	return changes
}

// Expire lets time pass: sessions whose grace is over go offline, the earliest first.
func (u *Users) Expire(now time.Time) []Change {
	var changes []Change
	for next, ok := u.Next(); ok && !next.After(now); next, ok = u.Next() {
		changes = append(changes, u.remove(u.leaving[0].d))
	}
	return changes
}

// Next is when the next grace ends: the time to call Expire.
func (u *Users) Next() (time.Time, bool) {
	if len(u.leaving) == 0 {
		return time.Time{}, false
	}
	return u.leaving[0].at.Add(u.grace), true
}

// Of is how the user's online sessions stand, by session id. The map is the caller's.
func (u *Users) Of(userID string) map[string]State {
	states := map[string]State{}
	if one := u.users[userID]; one != nil {
		for d := one.first; d != nil; d = d.next {
			states[d.sessionID] = State{Online: true, Connections: int(d.total), LastSeen: instant(d.lastSeen), Seq: one.seq}
		}
	}
	return states
}

// Totals counts everybody.
func (u *Users) Totals() Totals {
	return Totals{Users: len(u.users), Sessions: u.devices, Connections: u.connections}
}

func instant(nanos int64) time.Time { return time.Unix(0, nanos).UTC() }

func (u *Users) device(userID, sessionID string) *device {
	one := u.users[userID]
	if one == nil {
		return nil
	}
	for d := one.first; d != nil; d = d.next {
		if d.sessionID == sessionID {
			return d
		}
	}
	return nil
}

func (u *Users) add(userID, sessionID string, now time.Time) *device {
	one := u.users[userID]
	if one == nil {
		// The clock makes a later sequence greater also after a restart; lastSeq guards against a clock set back.
		one = &user{id: userID, seq: max(now.UnixMicro(), u.lastSeq+1) - 1}
		u.users[userID] = one
	}
	d := &device{user: one, next: one.first, sessionID: sessionID, place: -1}
	one.first = d
	u.devices++
	return d
}

// hold are the devices with connections on a node. It looks at all there are: nodes die seldom.
func (u *Users) hold(node string) (found []*device) {
	for _, one := range u.users {
		for d := one.first; d != nil; d = d.next {
			if d.on(node) > 0 {
				found = append(found, d)
			}
		}
	}
	return found
}

func (d *device) at(node string) int {
	return slices.IndexFunc(d.counts, func(c count) bool { return c.node == node })
}

// on is how many connections d has on the node.
func (d *device) on(node string) int {
	if i := d.at(node); i >= 0 {
		return int(d.counts[i].n)
	}
	return 0
}

// count writes down that d has n connections on node.
func (u *Users) count(d *device, node string, n int) {
	diff := n - d.on(node)
	d.total += int32(diff)
	u.connections += diff
	switch i := d.at(node); {
	case n == 0 && i >= 0:
		d.counts = slices.Delete(d.counts, i, i+1)
	case n > 0 && i >= 0:
		d.counts[i].n = int32(n)
	case n > 0:
		d.counts = append(d.counts, count{node, int32(n)})
	}
}

// settle draws the consequence of a new count.
func (u *Users) settle(d *device, now time.Time, grace time.Duration) Change {
	d.lastSeen = now.UnixNano()
	switch {
	case d.total == 0 && grace == 0:
		return u.remove(d)
	case d.total == 0:
		heap.Push(&u.leaving, departure{d, now})
	case d.place >= 0:
		heap.Remove(&u.leaving, int(d.place))
	}
	return u.change(d, true)
}

// remove takes d offline and forgets it, and its user with his last device.
func (u *Users) remove(d *device) Change {
	if d.place >= 0 {
		heap.Remove(&u.leaving, int(d.place))
	}
	c := u.change(d, false)
	one := d.user
	for at := &one.first; ; at = &(*at).next {
		if *at == d {
			*at = d.next
			break
		}
	}
	u.devices--
	if one.first == nil {
		u.lastSeq = max(u.lastSeq, one.seq)
		delete(u.users, one.id)
		if len(u.users) == 0 {
			u.users = map[string]*user{} // a map keeps the room of all that it ever held
		}
	}
	return c
}

func (u *Users) change(d *device, online bool) Change {
	d.user.seq++
	return Change{
		UserID: d.user.id, SessionID: d.sessionID, Online: online, Connections: int(d.total), Seq: d.user.seq, LastSeen: instant(d.lastSeen),
	}
}
