package gatehouse_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// The attacks here are seen from outside, through every layer. Those that one layer stops are tested beside its code.

func TestThreat07_ReplayedRefreshTokenEndsTheSessionWithinASecond(t *testing.T) {
	t.Parallel()
	l := openLab(t)
	admin, victim := l.staff("admin"), l.register("Phone")
	other := victim.other("Laptop")
	s, bystander := victim.connect(), other.connect()
	thief := *victim
	victim.refresh()
	victim.refresh()
	began := time.Now()
	thief.over("token_reuse")
	if last := s.closed(wire.CloseTokenReuse); last.Type != wire.TypeSessionEnded || s.at.Sub(began) > time.Second {
		t.Errorf("closed after %v, before it came %s", s.at.Sub(began), last.raw)
	}
	victim.over("token_reuse")
	thief.over("token_reuse")
	victim.refused("session_revoked")
	bystander.works()
	other.refresh()

	var trail struct {
		Events []struct {
			Action  string
			Actor   struct{ Kind string }
			Details map[string]string
		}
	}
	admin.ok("GET", "/admin/audit?action=session.ended&target="+victim.session.ID, nil).into(t, &trail)
	if len(trail.Events) != 1 || trail.Events[0].Details["end_reason"] != "token_reuse" || trail.Events[0].Actor.Kind != "system" {
		t.Errorf("audit %+v, want one row", trail.Events)
	}
}

func TestThreat09_AccessTokenAfterSignOut(t *testing.T) {
	t.Parallel()
	l := openLab(t)
	d := l.register("Phone")
	d.ok("POST", "/auth/logout", nil)
	dead := func() {
		t.Helper()
		d.refused("session_revoked")
		l.want(http.StatusUnauthorized, "session_revoked", "POST", "/auth/ticket", d.access, nil)
		l.dial(wire.BearerPrefix+d.access, nil).closed(wire.CloseSignedOut)
	}
	dead()
	l.drain()
	l.start() // the next node never heard of it by a bus
	dead()
}

// TestThreat13_KickBeatsRefresh lets both arrive at once, over HTTP, with a socket open. Whichever is served first, the
// session is dead once both are answered, and no token that came of it is good.
func TestThreat13_KickBeatsRefresh(t *testing.T) {
	const rounds, lanes = 200, 4
	l := openLab(t)
	admin := l.staff("admin")
	var mu sync.Mutex
	first := map[string]int{}
	var all sync.WaitGroup
	for devices := range slices.Chunk(l.seed(rounds, 1), rounds/lanes) {
		all.Go(func() {
			for _, d := range devices {
				who, err := kickAgainstRefresh(admin, d)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				first[who]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	t.Logf("who came first: %v", first)
}

// kickAgainstRefresh is one round, and says who came first.
func kickAgainstRefresh(admin, d *device) (first string, err error) {
	s, _, err := d.tryDial(wire.BearerPrefix+d.access, nil)
	if err != nil {
		return "", err
	}
	defer s.ws.CloseNow()
	if !s.wait(func() bool { return len(s.frames) > 0 }) {
		return "", errors.New("no welcome")
	}
	var kick, refresh answer
	var kickErr, refreshErr error
	start := make(chan struct{})
	var both sync.WaitGroup
	both.Go(func() {
		<-start
		kick, kickErr = d.call("DELETE", "/admin/sessions/"+d.session.ID, admin.access, nil)
	})
	both.Go(func() {
		<-start
		refresh, refreshErr = d.call("POST", "/auth/refresh", "", object{"refresh_token": d.refreshToken})
	})
	close(start)
	both.Wait()
	if refreshErr != nil || kickErr != nil || kick.status != http.StatusNoContent {
		return "", fmt.Errorf("kick %v %v, refresh %v %v", kick, kickErr, refresh, refreshErr)
	}
	first = "kick"
	if refresh.status == http.StatusOK {
		var in signIn
		if err := json.Unmarshal(refresh.body, &in); err != nil {
			return "", err
		}
		d.take(in)
		first = "refresh"
	} else if refresh.Code != "session_revoked" || refresh.Reason != "kicked" {
		return "", fmt.Errorf("refresh: %v", refresh)
	}
	if a, err := d.call("GET", "/auth/me", d.access, nil); err != nil || a.Code != "session_revoked" {
		return "", fmt.Errorf("the access token afterwards: %v %v", a, err)
	}
	if a, err := d.call("POST", "/auth/refresh", "", object{"refresh_token": d.refreshToken}); err != nil || a.Reason != "kicked" {
		return "", fmt.Errorf("the refresh token afterwards: %v %v", a, err)
	}
	if code, ok := s.over(); !ok || code != wire.CloseKicked {
		return "", fmt.Errorf("the socket closed: %t, with %d", ok, code)
	}
	return first, nil
}

func TestThreat15_TicketsOpenOneDoorOnce(t *testing.T) {
	t.Parallel()
	l := openLab(t)
	d := l.register("Phone")
	ticket := func() string {
		var out struct {
			Ticket    string
			ExpiresIn int `json:"expires_in"`
		}
		d.ok("POST", "/auth/ticket", nil).into(t, &out)
		if out.ExpiresIn != 30 {
			t.Errorf("a ticket for %d s", out.ExpiresIn)
		}
		return wire.TicketPrefix + out.Ticket
	}
	first := ticket()
	var opened, refused int
	var sockets []*socket
	for range 8 {
		sockets = append(sockets, l.dial(first, nil))
	}
	for _, s := range sockets {
		switch f := s.find("a first frame", func(frames []frame) int { return len(frames) - 1 }); f.Type {
		case wire.TypeWelcome:
			opened++
			s.works()
		default:
			refused++
			s.closed(wire.CloseUnauthenticated)
		}
	}
	if opened != 1 || refused != 7 {
		t.Errorf("%d sockets opened, %d refused", opened, refused)
	}
	later := ticket()
	d.ok("POST", "/auth/logout", nil)
	if last := l.dial(later, nil).closed(wire.CloseSignedOut); last.Type != wire.TypeSessionEnded {
		t.Errorf("before the close came %s", last.raw)
	}
}
