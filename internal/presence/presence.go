// Package presence says who is where. It is the rule alone: counts of connections, the death of nodes and the
// passing of time go in with the instant they happened, changes come out. There is no goroutine, clock or I/O.
//
// A session is online while it has a connection on any node, and for the grace after its last one ended, so that
// a page that reloads does not flap. Several connections are one device.
package presence

import (
	"container/heap"
	"time"
)

// State is how a session stands.
type State struct {
	Online      bool
	Connections int       // over all nodes; 0 during the grace
	LastSeen    time.Time // when its count last changed; a session with connections is being seen now
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
	nodes       map[string]map[*device]struct{} // who has connections on a node
	leaving     leaving
	connections int
	devices     int
	lastSeq     int64 // the highest of forgotten users
}

type user struct {
	seq     int64 // of the last change
	devices map[string]*device
}

// device is a session that is online.
type device struct {
	userID, sessionID string
	counts            map[string]int // by node; never 0
	total             int
	lastSeen          time.Time
	place             int // in leaving; -1 while there are connections
}

// New makes an empty Users. Without a grace, sessions go offline with their last connection.
func New(grace time.Duration) *Users {
	return &Users{grace: max(grace, 0), users: map[string]*user{}, nodes: map[string]map[*device]struct{}{}}
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
	if d.counts[node] == n {
		return changes
	}
	u.count(d, node, n)
	return append(changes, u.settle(d, now, u.grace))
}

// NodeGone says that a node is dead. Its connections are gone without a grace: a node is known to be dead only
// when its lease has run out, and its devices had that time to come back elsewhere.
func (u *Users) NodeGone(node string, now time.Time) []Change {
	changes := u.Expire(now)
	for d := range u.nodes[node] {
		u.count(d, node, 0)
		changes = append(changes, u.settle(d, now, 0))
	}
	return changes
}

// Expire lets time pass: sessions whose grace is over go offline, the earliest first.
func (u *Users) Expire(now time.Time) []Change {
	var changes []Change
	for next, ok := u.Next(); ok && !next.After(now); next, ok = u.Next() {
		changes = append(changes, u.remove(u.leaving[0]))
	}
	return changes
}

// Next is when the next grace ends: the time to call Expire.
func (u *Users) Next() (time.Time, bool) {
	if len(u.leaving) == 0 {
		return time.Time{}, false
	}
	return u.leaving[0].lastSeen.Add(u.grace), true
}

// Of is how the user's online sessions stand, by session id. The map is the caller's.
func (u *Users) Of(userID string) map[string]State {
	states := map[string]State{}
	if one := u.users[userID]; one != nil {
		for id, d := range one.devices {
			states[id] = State{Online: true, Connections: d.total, LastSeen: d.lastSeen}
		}
	}
	return states
}

// Totals counts everybody.
func (u *Users) Totals() Totals {
	return Totals{Users: len(u.users), Sessions: u.devices, Connections: u.connections}
}

func (u *Users) device(userID, sessionID string) *device {
	if one := u.users[userID]; one != nil {
		return one.devices[sessionID]
	}
	return nil
}

func (u *Users) add(userID, sessionID string, now time.Time) *device {
	one := u.users[userID]
	if one == nil {
		// The clock makes a later sequence greater also after a restart; lastSeq guards against a clock set back.
		one = &user{seq: max(now.UnixMicro(), u.lastSeq+1) - 1, devices: map[string]*device{}}
		u.users[userID] = one
	}
	d := &device{userID: userID, sessionID: sessionID, counts: map[string]int{}, place: -1}
	one.devices[sessionID] = d
	u.devices++
	return d
}

// count writes down that d has n connections on node.
func (u *Users) count(d *device, node string, n int) {
	diff := n - d.counts[node]
	d.total += diff
	u.connections += diff
	if n > 0 {
		d.counts[node] = n
		if u.nodes[node] == nil {
			u.nodes[node] = map[*device]struct{}{}
		}
		u.nodes[node][d] = struct{}{}
		return
	}
	delete(d.counts, node)
	delete(u.nodes[node], d)
	if len(u.nodes[node]) == 0 {
		delete(u.nodes, node)
	}
}

// settle draws the consequence of a new count.
func (u *Users) settle(d *device, now time.Time, grace time.Duration) Change {
	d.lastSeen = now
	switch {
	case d.total == 0 && grace == 0:
		return u.remove(d)
	case d.total == 0:
		heap.Push(&u.leaving, d)
	case d.place >= 0:
		heap.Remove(&u.leaving, d.place)
	}
	return u.change(d, true)
}

// remove takes d offline and forgets it, and its user with his last device.
func (u *Users) remove(d *device) Change {
	if d.place >= 0 {
		heap.Remove(&u.leaving, d.place)
	}
	c := u.change(d, false)
	one := u.users[d.userID]
	delete(one.devices, d.sessionID)
	u.devices--
	if len(one.devices) == 0 {
		delete(u.users, d.userID)
		u.lastSeq = max(u.lastSeq, one.seq)
	}
	return c
}

func (u *Users) change(d *device, online bool) Change {
	one := u.users[d.userID]
	one.seq++
	return Change{UserID: d.userID, SessionID: d.sessionID, Online: online, Connections: d.total, Seq: one.seq, LastSeen: d.lastSeen}
}
