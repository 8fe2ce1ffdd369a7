package hub

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

func TestDrainIsSpreadOverItsWindow(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		clients := []*client{l.dial(bare())} // one that waits
		for range 40 {
			clients = append(clients, l.connect(p))
		}
		began := time.Now()
		if err := l.hub.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		var closes []time.Duration
		for _, c := range clients[1:] {
			c.closed(wire.CloseRestart)
			if f := c.last(); f.Type != "reconnect" || f.AfterMS < 0 || f.AfterMS > 1500 {
				t.Error(f.raw)
			}
			closes = append(closes, c.closedAfter(began))
		}
		slices.Sort(closes)
		for i := 1; i < len(closes); i++ {
			if gap := closes[i] - closes[i-1]; gap > time.Second {
				t.Errorf("nothing for %v", gap)
			}
		}
		if last := closes[len(closes)-1]; closes[0] > time.Second || last < 9*time.Second || last > 10*time.Second {
			t.Errorf("closes from %v to %v", closes[0], last)
		}
	})
}

// The reconnect delays differ, so that clients do not come back together.
func TestReconnectIsSpread(t *testing.T) {
	inTime(t, Limits{DrainWindow: -1, ReconnectSpread: time.Second}, func(t *testing.T, l *lab) {
		var clients []*client
		for range 30 {
			clients = append(clients, l.connect(l.signIn("usr_1")))
		}
		l.hub.Shutdown(context.Background())
		delays := map[int64]bool{}
		for _, c := range clients {
			c.closed(wire.CloseRestart)
			delays[c.one("reconnect").AfterMS] = true
		}
		if len(delays) < 15 {
			t.Errorf("%d delays for 30 sockets", len(delays))
		}
	})
}

// Whatever state a socket is in when the drain begins, it does not outlive it.
func TestNoSocketSlipsPastADrain(t *testing.T) {
	inTime(t, Limits{DrainWindow: time.Second}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		l.with(func() { l.authWait = make(chan struct{}) })
		late := make(chan *client)
		go func() { late <- l.dial(byToken(p.SessionID)) }() // its token is being checked
		framed := l.dial(bare())
		framed.send(authFrame(p.SessionID))
		synctest.Wait()

		done := make(chan error)
		go func() { done <- l.hub.Shutdown(context.Background()) }()
		synctest.Wait()
		if c, resp := l.try(byToken(p.SessionID)); c != nil || resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") != "1" {
			t.Errorf("a closing hub answered %v", resp.Status)
		}
		close(l.authWait)
		for _, c := range []*client{<-late, framed} {
			c.closed(wire.CloseRestart)
			c.one("reconnect")
			c.none("welcome")
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Sockets that leave by themselves are not waited for.
func TestDrainOfWhoHasLeft(t *testing.T) {
	inTime(t, Limits{DrainWindow: time.Minute}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		var clients []*client
		for range 10 {
			clients = append(clients, l.connect(p))
		}
		done := make(chan time.Time)
		began := time.Now()
		go func() { l.hub.Shutdown(context.Background()); done <- time.Now() }()
		synctest.Wait()
		for _, c := range clients {
			c.net.Close()
		}
		if took := (<-done).Sub(began); took > 7*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestDrainThatIsCutShort(t *testing.T) {
	inTime(t, Limits{DrainWindow: time.Hour}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		clients := []*client{l.connect(p), l.connect(p), l.connect(p)}
		l.deaf(p)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		began := time.Now()
		if err := l.hub.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > time.Second+drainPatience {
			t.Errorf("took %v", took)
		}
		for _, c := range clients {
			c.closed(wire.CloseRestart)
		}
	})
}

// An end during the drain is still an end, and nobody is signed out by the drain.
func TestEndDuringADrain(t *testing.T) {
	inTime(t, Limits{DrainWindow: time.Minute}, func(t *testing.T, l *lab) {
		stays, ends := l.signIn("usr_1"), l.signIn("usr_2")
		var stay, end []*client
		for range 5 {
			stay, end = append(stay, l.connect(stays)), append(end, l.connect(ends))
		}
		done := make(chan error)
		go func() { done <- l.hub.Shutdown(context.Background()) }()
		synctest.Wait()
		l.end(ends, "kicked")
		kicked := 0
		for _, c := range end {
			if len(c.all("session.ended")) == 1 {
				c.closed(wire.CloseKicked)
				kicked++
			}
		}
		if kicked < 4 { // one at most had been closed before
			t.Errorf("%d of 5 were told", kicked)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		for _, c := range stay {
			c.closed(wire.CloseRestart)
			c.none("session.ended")
		}
	})
}

func TestCloseAll(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		connect := func() []*client {
			clients := []*client{l.connect(p), l.watch(l.signIn("usr_2")), l.dial(bare())}
			l.rest()
			return clients
		}
		clients := connect()
		began := time.Now()
		l.hub.CloseAll(wire.CloseRestart)
		for _, c := range clients {
			c.closed(wire.CloseRestart)
			if f := c.last(); f.Type != "reconnect" || c.closedAfter(began) > 0 {
				t.Error(f.raw)
			}
		}
		clients = connect() // the hub goes on
		l.hub.CloseAll(wire.CloseOverloaded)
		for _, c := range clients {
			c.closed(wire.CloseOverloaded)
			if f := c.last(); f.Type != "error" || f.Code != "overloaded" {
				t.Error(f.raw)
			}
		}
	})
}

// A node that is cut off admits nobody, by whatever way.
func TestFencedNodeAdmitsNobody(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		waits := l.dial(bare())
		l.with(func() { l.fenced = &Error{Code: "unavailable", RetryAfter: time.Second} })
		if c, resp := l.try(byToken(p.SessionID)); c != nil || resp.StatusCode != http.StatusServiceUnavailable {
			t.Error(resp.Status)
		}
		waits.send(authFrame(p.SessionID))
		waits.closed(wire.CloseOverloaded)
		waits.none("welcome")
	})
}
