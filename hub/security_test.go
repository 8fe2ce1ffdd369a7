package hub

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// Attack: a page of another origin opens a socket with the victim's cookie.
func TestThreat14_ForeignOriginIsRefused(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		cookie := bare().with("Cookie", "session="+p.SessionID)
		for _, origin := range []string{
			"null", "", "https://evil.example", "http://app.example.com", "https://app.example.com:8443", "https://app.example.com:443",
			"https://sub.app.example.com", "https://app.example.com.evil.example", "https://app.example.com@evil.example",
			"https://app.example.com/", "https://APP.example.com", home + " " + home, "file://", "*",
		} {
			for name, h := range map[string]hello{"cookie": cookie, "token": byToken(p.SessionID), "nothing": bare()} {
				if c, resp := l.try(h.with("Origin", origin)); c != nil || resp.StatusCode != http.StatusForbidden {
					t.Errorf("Origin %q with %s: %v", origin, name, resp.Status)
				}
			}
		}
		doubled := byToken(p.SessionID).with("Origin", home).with("Origin", home)
		for name, h := range map[string]hello{"doubled": doubled, "missing with a cookie": cookie} {
			if c, resp := l.try(h); c != nil || resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s: %v", name, resp.Status)
			}
		}
		if len(l.given) > 0 {
			t.Error("a credential of a foreign page was looked at")
		}
		l.dial(byToken(p.SessionID)).one("welcome") // no Origin: no browser
		l.dial(cookie.with("Origin", home)).one("welcome")
	})
}

// Attack: a ticket is used again, by whoever saw it.
func TestTicketIsGoodOnce(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		l.grant("once", p)
		l.with(func() { l.tickets["once"] = true })
		h := hello{protocols: []string{wire.Protocol, "ticket.once"}}
		first := l.dial(h)
		first.one("welcome")
		for range 2 {
			c := l.dial(h)
			c.closed(wire.CloseUnauthenticated)
			c.none("welcome")
		}
		c := l.dial(bare())
		c.send(`{"type":"auth","ticket":"once"}`)
		c.closed(wire.CloseUnauthenticated)
		first.works()
	})
}

// Attack: a ticket that outlived its time, or its session.
func TestTicketOfAnEndedSessionIsRefused(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		l.grant("kept", p)
		l.with(func() { l.tickets["kept"] = true })
		l.refuse("late", &Error{Code: "grant_expired"})
		l.dial(hello{protocols: []string{wire.Protocol, "ticket.late"}}).closed(wire.CloseUnauthenticated)
		l.end(p, "kicked")
		c := l.dial(hello{protocols: []string{wire.Protocol, "ticket.kept"}})
		c.closed(wire.CloseKicked)
		c.none("welcome")
	})
}

// Attack: credentials are read from logs, URLs, headers or frames.
func TestNoCredentialIsToldOn(t *testing.T) {
	inTime(t, Limits{FrameBurst: 100}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		const good, bad = "TOP-SECRET-good", "TOP-SECRET-bad"
		l.grant(good, p)
		l.refuse("TOP-SECRET-down", &Error{Code: "unavailable", Err: errors.New("store is down")})
		var clients []*client
		for _, value := range []string{good, bad, "TOP-SECRET-down"} {
			for _, h := range []hello{
				byToken(value), {protocols: []string{wire.Protocol, "ticket." + value}}, byCookie(value), bare().with("Authorization", "Bearer "+value),
				{protocols: []string{wire.Protocol}, query: "?token=" + value + "&access_token=" + value + "&ticket=" + value},
				byToken(value).with("Origin", "https://evil.example"),
				hello{}.with("Sec-WebSocket-Protocol", "bearer."+value),
			} {
				c, resp := l.try(h)
				if strings.Contains(strings.Join(resp.Header.Values("Sec-WebSocket-Protocol"), ","), "SECRET") {
					t.Errorf("echoed: %v", resp.Header)
				}
				if c == nil {
					continue
				}
				clients = append(clients, c)
				c.send(authFrame(value))
				c.send(`{"type":"auth","ticket":"` + value + `"}`)
				c.send(`{"type":"auth","token":"` + value + `","ticket":7}`)
				c.send(`{"type":"subscribe","feed":"` + value + `","id":"` + strings.Repeat(value, 5) + `"}`)
			}
		}
		l.rest()
		for _, c := range clients {
			if strings.Contains(c.story()+c.reason, "SECRET") {
				t.Error(c.story())
			}
		}
		if log := l.log.String(); strings.Contains(log, "SECRET") || !strings.Contains(log, "store is down") {
			t.Error(log)
		}
	})
}

// Attack: a credential in the query string, which servers and proxies log.
func TestQueryStringIsNoCredential(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		for _, name := range []string{"token", "access_token", "ticket", "bearer"} {
			h := bare()
			h.query = "?" + name + "=" + p.SessionID
			c := l.dial(h)
			time.Sleep(6 * time.Second)
			c.closed(wire.CloseAuthTimeout)
			c.none("welcome")
		}
	})
}

// Attack: watching what is of others or of staff.
func TestFeedsOfOthersAreForbidden(t *testing.T) {
	inTime(t, Limits{FrameBurst: 100, ForbiddenPerMinute: 100}, func(t *testing.T, l *lab) {
		victim := l.signIn("usr_2")
		for roles, feeds := range map[string][]string{"user": {"sessions", "audit", "jobs"}, "moderator": {"jobs"}} {
			c := l.connect(l.signIn("usr_1", roles))
			for _, feed := range feeds {
				if f := c.ask(`{"type":"subscribe","feed":"` + feed + `"}`); f.Code != "forbidden" {
					t.Errorf("%s as %s: %s", feed, roles, f.raw)
				}
			}
			// Nothing in the frame makes the own devices another's.
			c.ask(`{"type":"subscribe","feed":"devices","user_id":"usr_2","user_ids":["usr_2"],"session_id":"` + victim.SessionID + `"}`)
			for id, d := range c.replay() {
				if d.UserID != "usr_1" {
					t.Errorf("%s of %s", id, d.UserID)
				}
			}
			l.edit(victim.SessionID, func(s *wire.Session) { s.Name = "Sofa" })
			if got := c.changes(victim.SessionID); len(got) > 0 {
				t.Errorf("told of another's device: %v", got)
			}
		}
	})
}

// Attack: watching when others come and go, where that is nobody's business.
func TestPresenceOfOthersIsForbidden(t *testing.T) {
	inTime(t, Limits{FrameBurst: 100, ForbiddenPerMinute: 100}, func(t *testing.T, l *lab) {
		c := l.connect(l.signIn("usr_1"))
		for _, ids := range [][]string{{"usr_2"}, {"usr_1", "usr_2"}, {"usr_1", "usr_1", "usr_2"}, {"usr_1 "}, {"USR_1"}} {
			if f := c.ask(watchPeople(ids...)); f.Code != "forbidden" {
				t.Errorf("%v: %s", ids, f.raw)
			}
		}
		l.connect(l.signIn("usr_2"))
		c.none("presence.snapshot")
		c.none("presence.changed")
		staff := l.connect(l.signIn("usr_3", "moderator"))
		if f := staff.ask(watchPeople("usr_1", "usr_2")); f.Type != "ack" {
			t.Error(f.raw)
		}
		l.hub.cfg.PresenceVisible = true
		if f := c.ask(watchPeople("usr_2")); f.Type != "ack" {
			t.Error(f.raw)
		}
	})
}

// Attack: staff that is demoted goes on watching.
func TestDemotedWatcherLosesItsFeeds(t *testing.T) {
	feeds := map[string]string{"sessions": subscribeAll, "audit": subscribeAudit, "jobs": subscribeJobs, "presence": watchPeople("usr_1", "usr_2")}
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1", "admin")
		c := l.watch(p)
		for feed, request := range feeds {
			if f := c.ask(request); f.Type != "ack" {
				t.Fatalf("%s: %s", feed, f.raw)
			}
		}
		l.rest()
		l.hub.UserChanged(Claims{UserID: "usr_1", Roles: []string{"user", "moderator"}, Epoch: 2})
		if f := c.one("error"); f.Code != "forbidden" || f.Feed != "jobs" {
			t.Error(c.story()) // a moderator keeps the others
		}
		heard := len(c.all("sessions.changed")) + len(c.all("audit.added")) + len(c.all("presence.changed"))
		l.hub.UserChanged(Claims{UserID: "usr_1", Roles: []string{"user"}, Epoch: 3})
		l.rest()
		other := l.signIn("usr_2")
		l.connect(other)
		l.office.happened("aud_1", "kick")
		l.hub.JobChanged("job_1")
		if now := len(c.all("sessions.changed")) + len(c.all("audit.added")) + len(c.all("presence.changed")); now != heard {
			t.Errorf("told of what it may not know: %s", c.story())
		}
		lost, changed := map[string]int{}, c.all("auth.changed")[1]
		for _, f := range c.all("error") {
			lost[f.Feed]++
			if f.Code != "forbidden" || f.Feed != "jobs" && strings.Index(c.story(), changed.raw) > strings.Index(c.story(), f.raw) {
				t.Errorf("%s came before auth.changed, or is no answer to it", f.raw)
			}
		}
		for feed, request := range feeds {
			if lost[feed] != 1 {
				t.Errorf("told %d times that %s is lost", lost[feed], feed)
			}
			if f := c.ask(request); f.Code != "forbidden" {
				t.Errorf("%s again: %s", feed, f.raw)
			}
		}
		if n := l.office.follows("") + l.office.follows("usr_2"); n != 0 {
			t.Errorf("%d follows for nobody", n)
		}
		if f := c.ask(watchPeople("usr_1")); f.Type != "ack" {
			t.Errorf("of oneself: %s", f.raw)
		}
		l.edit(p.SessionID, func(s *wire.Session) { s.Name = "Sofa" })
		c.changed(p.SessionID, "updated") // its own devices stay
	})
}

// Attack: what a demoted watcher had not read yet, or could not be sent, comes after the demotion.
func TestDemotedWatcherGetsNoSnapshot(t *testing.T) {
	inTime(t, Limits{QueueBytes: 1000, WriteTimeout: time.Hour, PingInterval: time.Hour}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1", "moderator")
		c := l.deaf(p)
		c.send(subscribeAll)
		for i := range 20 {
			l.edit(p.SessionID, func(s *wire.Session) { s.Name = fmt.Sprint("Name ", i) })
			l.rest()
		}
		l.hub.UserChanged(Claims{UserID: "usr_1", Roles: []string{"user"}, Epoch: 2})
		c.listen()
		f := c.one("error")
		if f.Code != "forbidden" || f.Feed != "sessions" || c.last().raw != f.raw {
			t.Error(c.story())
		}
		c.works()
	})
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.connect(l.signIn("usr_1", "moderator"))
		l.office.with(func() {
			l.office.before = func() {
				l.office.with(func() { l.office.before = nil })
				l.hub.UserChanged(Claims{UserID: "usr_1", Roles: []string{"user"}, Epoch: 2})
			}
		})
		c.ask(subscribeAll) // and is demoted while the page is read
		c.one("error")
		c.none("sessions.snapshot")
	})
}

// Attack: what happens in the moment between a demotion and the end of the feeds.
func TestDemotionIsInForceBeforeTheFeedsEnd(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.connect(l.signIn("usr_1", "moderator"))
		c.ask(subscribeAll)
		c.ask(subscribeAudit)
		c.one("sessions.snapshot")
		demote := func() {
			for _, one := range l.hub.all() {
				one.mu.Lock()
				one.p.Roles = []string{"user"}
				one.mu.Unlock()
			}
		}
		demote()
		l.office.happened("aud_1", "kick")
		l.hub.SessionsChanged("usr_2", l.signIn("usr_2").SessionID)
		l.rest()
		l.hub.Resync()
		c.none("audit.added")
		c.none("sessions.changed")
		c.one("sessions.snapshot")
	})
}

// Attack: a feed that is asked for just before a demotion, and begins just after.
func TestDemotionWhileSubscribing(t *testing.T) {
	audit := feedKinds[wire.FeedAudit]
	defer func() { feedKinds[wire.FeedAudit] = audit }()
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		late := audit
		late.matter = func(f *feed) matter {
			for _, c := range l.hub.all() {
				c.mu.Lock()
				c.p.Roles = []string{"user"}
				c.mu.Unlock()
			}
			return audit.matter(f)
		}
		feedKinds[wire.FeedAudit] = late
		c := l.connect(l.signIn("usr_1", "moderator"))
		c.ask(subscribeAudit)
		if f := c.one("error"); f.Code != "forbidden" || f.Feed != "audit" {
			t.Error(f.raw)
		}
	})
}
