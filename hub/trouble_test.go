package hub

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

var errDown = errors.New("down")

// What does not fit is dropped, and a snapshot follows once the client reads again: never a list that is wrong.
func TestDroppedChangesEndInASnapshot(t *testing.T) {
	inTime(t, Limits{QueueBytes: 2000, WriteTimeout: time.Hour, PingInterval: time.Hour}, func(t *testing.T, l *lab) {
		p, other := l.signIn("usr_1"), l.signIn("usr_1")
		h := byToken(p.SessionID)
		h.deaf = true
		c, steady := l.dial(h), l.watch(other)
		c.send(`{"type":"subscribe","feed":"devices"}`)
		for i := range 50 {
			l.edit(other.SessionID, func(s *wire.Session) { s.Name = fmt.Sprint("Name ", i) })
			l.rest()
		}
		if l.hub.Stats().DroppedChanges == 0 {
			t.Fatal("nothing was dropped")
		}
		steady.works()
		if n := len(steady.changes(other.SessionID)); n != 50 {
			t.Errorf("the steady one got %d changes of 50", n)
		}
		c.listen()
		if got := c.replay()[other.SessionID].Name; got != "Name 49" {
			t.Errorf("ended as %q", got)
		}
		if n := len(c.all("devices.snapshot")); n != 2 {
			t.Errorf("%d snapshots", n)
		}
		l.edit(other.SessionID, func(s *wire.Session) { s.Name = "Sofa" })
		if got := c.replay()[other.SessionID].Name; got != "Sofa" {
			t.Errorf("afterwards %q", got)
		}
	})
}

// Room in the queue does not help a watcher that fell behind: a change that follows on dropped ones would be wrong.
func TestNoChangeFollowsOnDroppedOnes(t *testing.T) {
	long := strings.Repeat("x", 1000) // so that they are not all written at once
	inTime(t, Limits{QueueBytes: 20_000, WriteTimeout: time.Hour, PingInterval: time.Hour}, func(t *testing.T, l *lab) {
		p, other := l.signIn("usr_1"), l.signIn("usr_1")
		c := l.deaf(p)
		c.send(subscribe)
		for i := range 20 {
			l.edit(other.SessionID, func(s *wire.Session) { s.Name = fmt.Sprint("Name ", i, long) })
			l.rest()
		}
		for range 3 { // makes room
			c.readOne()
			l.rest()
		}
		dropped := l.hub.Stats().DroppedChanges
		l.edit(other.SessionID, func(s *wire.Session) { s.Name = "Sofa" })
		l.rest()
		if l.hub.Stats().DroppedChanges != dropped+1 || l.waits(p) == 0 {
			t.Errorf("%d dropped, then %d; %d bytes wait", dropped, l.hub.Stats().DroppedChanges, l.waits(p))
		}
		c.listen()
		if got := c.replay()[other.SessionID].Name; got != "Sofa" {
			t.Errorf("ended as %q", got)
		}
	})
}

func TestStoreThatFailsAtFirst(t *testing.T) {
	for name, breakIt := range map[string]func(*lab, error){
		"directory": func(l *lab, err error) { l.broken = err },
		"registry":  func(l *lab, err error) { l.down = err },
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, Limits{}, func(t *testing.T, l *lab) {
				l.with(func() { breakIt(l, errDown) })
				c := l.connect(l.signIn("usr_1"))
				began := time.Now()
				c.ask(subscribe)
				time.Sleep(3 * time.Second)
				f := c.one("error")
				if f.Code != "unavailable" || f.Feed != "devices" || f.RetryAfter != 1 || f.at.Sub(began) != loadTimeout {
					t.Errorf("%s after %v", f.raw, f.at.Sub(began))
				}
				l.with(func() { breakIt(l, nil) })
				time.Sleep(time.Minute)
				c.none("devices.snapshot") // it was told that there is none
				c.ask(subscribe)
				c.one("devices.snapshot")
			})
		})
	}
}

func TestStoreThatComesBackInTime(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		l.with(func() { l.broken = errDown })
		c := l.connect(l.signIn("usr_1"))
		c.ask(subscribe)
		time.Sleep(time.Second)
		l.with(func() { l.broken = nil })
		time.Sleep(time.Second)
		c.one("devices.snapshot")
		c.none("error")
	})
}

// A feed that has begun waits as long as it takes, and asks seldom.
func TestStoreThatFailsLater(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p, other := l.signIn("usr_1"), l.signIn("usr_1")
		c := l.watch(p)
		l.with(func() { l.broken = errDown })
		l.edit(other.SessionID, func(s *wire.Session) { s.Name = "Sofa" })
		before := l.loaded()
		time.Sleep(10 * time.Minute)
		if tries := l.loaded() - before; tries < 100 || tries > 140 {
			t.Errorf("%d tries in ten minutes", tries)
		}
		c.none("error")
		l.with(func() { l.broken = nil })
		time.Sleep(retryAtMost)
		c.changed(other.SessionID, "updated")
		if strings.Count(l.log.String(), "devices feed cannot load") < 100 || !strings.Contains(l.log.String(), "err=down") {
			t.Error("the trouble is not in the log")
		}
	})
}

// A newcomer's patience is its own; the others stay.
func TestNewcomerWhileTheStoreFails(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		old := l.watch(p)
		l.with(func() { l.broken = errDown })
		l.hub.SessionsChanged("usr_1")
		time.Sleep(time.Minute)
		newcomer := l.connect(p)
		began := time.Now()
		newcomer.ask(subscribe)
		time.Sleep(3 * time.Second)
		if f := newcomer.one("error"); f.at.Sub(began) != loadTimeout {
			t.Errorf("told after %v", f.at.Sub(began))
		}
		old.none("error")
		l.with(func() { l.broken = nil })
		time.Sleep(retryAtMost)
		if got := old.replay()[p.SessionID].Connections; got != 2 {
			t.Errorf("%d connections", got)
		}
	})
}

// A store that hangs is given up on, and holds up no drain.
func TestStoreThatHangs(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		l.with(func() { l.hangs = true })
		c := l.connect(l.signIn("usr_1"))
		c.ask(subscribe)
		time.Sleep(loadTimeout)
		if f := c.one("error"); f.Code != "unavailable" {
			t.Error(f.raw)
		}
		c.works()
		c.ask(subscribe)
		c.ws.CloseNow()
		synctest.Wait()
	})
}

// Who leaves while the list is being loaded gets none.
func TestUnsubscribeWhileLoading(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		l.with(func() { l.hangs = true })
		c := l.connect(l.signIn("usr_1"))
		c.ask(subscribe)
		c.ask(`{"type":"unsubscribe","feed":"devices"}`)
		l.with(func() { l.hangs = false })
		c.ask(subscribe)
		time.Sleep(time.Minute)
		c.one("devices.snapshot")
		c.none("error")
	})
}
