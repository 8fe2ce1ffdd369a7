package gatehouse_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

// TestKilledServerLosesNoAcknowledgedWrite kills the process (SIGKILL) in the middle of writes, again and again on the
// same data, and each time holds the next one to everything that was ever acknowledged.
func TestKilledServerLosesNoAcknowledgedWrite(t *testing.T) {
	const rounds, writers = 5, 6
	bin, err := servertest.Build(t.TempDir())
	must(t, err)
	house := servertest.House{Bin: bin, Data: t.TempDir()}
	people := make([]*person, writers)
	for i := range people {
		people[i] = &person{rng: rand.New(rand.NewPCG(uint64(i), uint64(time.Now().UnixNano()))), devices: map[string]*deed{}}
	}
	var acknowledged atomic.Int64
	for round := range rounds {
		server := house.Serve(t)
		l := &lab{t: t, url: server.URL, http: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: writers}}}
		for i, p := range people {
			if err := p.check(l); err != nil {
				t.Errorf("round %d, person %d: %v", round, i, err)
			}
		}
		enough := make(chan struct{})
		limit := acknowledged.Load() + 1 + rand.Int64N(300)
		var all sync.WaitGroup
		for _, p := range people {
			all.Go(func() {
				for p.act(l) == nil {
					if acknowledged.Add(1) == limit {
						close(enough)
					}
				}
			})
		}
		select {
		case <-enough:
		case <-time.After(patience):
			t.Fatalf("round %d: too few writes; the server says\n%s", round, server.Log())
		}
		server.Kill()
		all.Wait()
	}
	server := house.Serve(t)
	l := &lab{t: t, url: server.URL, http: http.DefaultClient}
	kept := 0
	for i, p := range people {
		if err := p.check(l); err != nil {
			t.Errorf("at the end, person %d: %v", i, err)
		}
		kept += len(p.devices)
	}
	must(t, server.Stop())
	t.Logf("%d writes were acknowledged, over %d sessions", acknowledged.Load(), kept)
}

// person writes, and remembers what was acknowledged.
type person struct {
	rng     *rand.Rand
	devices map[string]*deed // by session id, all that were ever acknowledged
}

// deed is what is known of one session. A write that was not answered may or may not have happened.
type deed struct {
	device
	name, maybeName   string
	ended, maybeEnded bool
}

// act makes one write. An error means that the server is gone.
func (p *person) act(l *lab) error {
	live := p.live()
	if len(live) == 0 {
		return p.enter(l, http.StatusCreated, "/auth/register", newEmail())
	}
	d := p.devices[live[p.rng.IntN(len(live))]]
	switch n := p.rng.IntN(100); {
	case n < 4:
		return p.enter(l, http.StatusCreated, "/auth/register", newEmail())
	case n < 8:
		return p.enter(l, http.StatusOK, "/auth/login", d.user.Email)
	case n < 15 && len(live) > 2:
		return d.end(l)
	case n < 60:
		return d.rename(l, fmt.Sprint("Name ", p.rng.IntN(1_000_000)))
	default:
		return d.renew(l)
	}
}

func (p *person) live() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(p.devices)), func(id string) bool {
		return p.devices[id].ended || p.devices[id].maybeEnded
	})
}

// write makes a request that must be acknowledged, unless the server dies of it.
func write(l *lab, status int, method, path, token string, body, out any) error {
	a, err := l.call(method, path, token, body)
	if err != nil {
		return err
	}
	if a.status != status {
		l.t.Errorf("%s %s: %v", method, path, a)
		return fmt.Errorf("refused")
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(a.body, out)
}

func (p *person) enter(l *lab, status int, path, email string) error {
	var in signIn
	body := object{"email": email, "password": password, "transport": "body", "device_name": "New"}
	if err := write(l, status, "POST", path, "", body, &in); err != nil {
		return err
	}
	d := &deed{name: "New"}
	d.take(in)
	p.devices[d.session.ID] = d
	return nil
}

func (d *deed) rename(l *lab, name string) error {
	d.maybeName = name
	err := write(l, http.StatusOK, "PATCH", "/auth/sessions/"+d.session.ID, d.access, object{"name": name}, nil)
	if err == nil {
		d.name, d.maybeName = name, ""
	}
	return err
}

func (d *deed) renew(l *lab) error {
	var in signIn
	err := write(l, http.StatusOK, "POST", "/auth/refresh", "", object{"refresh_token": d.refreshToken}, &in)
	if err == nil {
		d.take(in)
	}
	return err
}

func (d *deed) end(l *lab) error {
	d.maybeEnded = true
	err := write(l, http.StatusNoContent, "DELETE", "/auth/sessions/"+d.session.ID, d.access, nil, nil)
	d.ended = err == nil
	return err
}

// check holds the server to what it acknowledged. What was in doubt is settled by it.
func (p *person) check(l *lab) error {
	for id, d := range p.devices {
		if err := d.check(l); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
	}
	return nil
}

func (d *deed) check(l *lab) error {
	a, err := l.call("POST", "/auth/refresh", "", object{"refresh_token": d.refreshToken})
	switch {
	case err != nil:
		return err
	case a.Code == "session_revoked" && a.Reason == "signed_out" && d.maybeEnded:
		d.ended = true
		return nil
	case a.status != http.StatusOK || d.ended:
		return fmt.Errorf("ended %t; the refresh is answered %v", d.ended, a)
	}
	var in signIn
	if err := json.Unmarshal(a.body, &in); err != nil {
		return err
	}
	if in.User.ID != d.user.ID || in.User.Email != d.user.Email || in.Session.ID != d.session.ID {
		return fmt.Errorf("the session is another's: %+v", in.Session)
	}
	if name := in.Session.Name; name != d.name && (d.maybeName == "" || name != d.maybeName) {
		return fmt.Errorf("named %q, acknowledged was %q, then perhaps %q", name, d.name, d.maybeName)
	}
	d.take(in)
	d.name, d.maybeName, d.maybeEnded = in.Session.Name, "", false
	return nil
}
