package gatehouse_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/client"
	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/staff"
)

// TestTwoDevicesFromSignInToTheKick is the whole story by the Go client: two devices sign in, see each other, and one
// ends the other.
func TestTwoDevicesFromSignInToTheKick(t *testing.T) {
	t.Parallel()
	owner := openLab(t).register("Laptop")
	laptop, laptopSession := owner.keeper("Desk")
	phone, phoneSession := owner.keeper("Phone")
	lists := make(chan []wire.Session, 100)
	desk := laptop.Connect(t.Context(), client.Handlers{Devices: func(list []wire.Session, _ *wire.DevicesChanged) { lists <- list }})
	defer desk.Close()
	must(t, desk.Subscribe(t.Context(), wire.FeedDevices))
	if list := hear(t, "snapshot", lists); len(list) != 3 || !list[0].Current || list[0].ID != laptopSession.ID {
		t.Fatalf("snapshot %+v, want three devices, this one first", list)
	}

	pocket := phone.Connect(t.Context(), client.Handlers{})
	defer pocket.Close()
	listed := func(want func(wire.Session) bool) bool {
		return slices.ContainsFunc(hear(t, "the phone's change", lists), func(s wire.Session) bool { return s.ID == phoneSession.ID && want(s) })
	}
	for !listed(func(s wire.Session) bool { return s.Online && s.Connections == 1 && s.Name == "Phone" }) {
	}
	_, err := laptop.RenameSession(t.Context(), phoneSession.ID, "Old phone")
	must(t, err)
	for !listed(func(s wire.Session) bool { return s.Name == "Old phone" }) {
	}

	must(t, laptop.EndSession(t.Context(), phoneSession.ID))
	<-pocket.Done()
	var end *client.EndedError
	if err := pocket.Err(); !errors.As(err, &end) || end.Code != wire.CloseSessionRevoked || end.By != (wire.By{Kind: wire.ByUser, Name: "Desk"}) {
		t.Errorf("the phone heard %v, want session_revoked by the desk", err)
	}
	if _, err := phone.Me(t.Context()); !errors.As(err, &end) {
		t.Errorf("the phone's next request: %v", err)
	}
	for listed(func(wire.Session) bool { return true }) {
	}
	must(t, laptop.Refresh(t.Context()))
}

// TestTheListIsLiveWithin100ms measures from the welcome of a device to the news of it on another.
func TestTheListIsLiveWithin100ms(t *testing.T) {
	l := openLab(t)
	watcher := l.register("Laptop")
	feed := watcher.watch()
	var delays []time.Duration
	for range 9 {
		d := watcher.other("Phone")
		feed.change(wire.ChangeAdded, d.session.ID)
		d.connect()
		began := time.Now()
		delays = append(delays, feed.change(wire.ChangeOnline, d.session.ID).at.Sub(began))
	}
	if slices.Sort(delays); delays[len(delays)/2] > 100*time.Millisecond {
		t.Errorf("news took %v", delays)
	}
}

func TestRefreshRearmsTheOpenSocket(t *testing.T) {
	t.Parallel()
	const life = 3 * time.Second
	l := openLab(t, "--access-ttl="+life.String())
	fresh, old := l.register("Fresh"), l.register("Old")
	kept, forgotten := fresh.connect(), old.connect()
	tab := fresh.connect()
	began := time.Now()
	eventually(t, "half of the life is over", func() bool { return time.Since(began) > life/2 })
	fresh.refresh()
	for _, s := range []*socket{kept, tab} {
		if f := s.expect(wire.TypeAuthOK); f.ExpiresIn < int(life/time.Second)-1 || f.Re != "" {
			t.Errorf("re-armed with %s", f.raw)
		}
	}
	eventually(t, "the end of the tokens that were not refreshed", func() bool {
		a, err := old.call("GET", "/auth/me", old.access, nil)
		return err == nil && a.Code == "token_expired"
	})
	kept.works()
	tab.works()
	if f := forgotten.ask(object{"type": wire.TypeSubscribe, "feed": wire.FeedDevices}); f.Code != "token_expired" {
		t.Errorf("the socket of a session that nobody refreshed answers %s", f.raw)
	}
	for _, s := range []*socket{kept, tab} {
		if n := s.count(func(f frame) bool { return f.Type == wire.TypeWelcome }); n != 1 {
			t.Errorf("%d welcomes", n)
		}
	}
}

// TestClientRefreshesBeforeItsTokenEnds keeps a socket over several lives of its token without losing it.
func TestClientRefreshesBeforeItsTokenEnds(t *testing.T) {
	t.Parallel()
	const life = 5 * time.Second
	c, _ := openLab(t, "--access-ttl="+life.String()).register("Laptop").keeper("Phone")
	renewed, lost := make(chan []string, 100), make(chan error, 1)
	s := c.Connect(t.Context(), client.Handlers{
		Authority:    func(roles []string) { renewed <- roles },
		Disconnected: func(err error, _ time.Duration) { lost <- err },
	})
	defer s.Close()
	began := time.Now()
	for time.Since(began) < 2*life {
		hear(t, "fresh authority", renewed)
	}
	select {
	case err := <-lost:
		t.Errorf("the connection was lost: %v", err)
	default:
	}
}

func TestSetUpLinkMakesTheFirstAdmin(t *testing.T) {
	t.Parallel()
	l := openLab(t)
	l.register("Somebody") // is no admin
	link := func() string {
		link, err := l.node.SetupLink(t.Context())
		must(t, err)
		return link
	}
	dead := link()
	before, secret, ok := strings.Cut(link(), "#token=")
	if !ok || before != l.url+"/setup" {
		t.Fatalf("link to %s", before)
	}
	setup := func(secret, password string) object {
		return object{"token": secret, "email": newEmail(), "password": password, "transport": "body"}
	}
	_, older, _ := strings.Cut(dead, "#token=")
	l.want(http.StatusGone, "grant_expired", "POST", "/auth/setup", "", setup(older, password))
	l.want(http.StatusUnprocessableEntity, "validation_failed", "POST", "/auth/setup", "", setup(secret, "short"))
	admin := l.enter(http.StatusCreated, "/auth/setup", setup(secret, password))
	if !slices.Contains(admin.user.Roles, "admin") || !admin.user.EmailVerified {
		t.Errorf("set up %+v", admin.user)
	}
	admin.ok("GET", "/admin/stats", nil)
	l.want(http.StatusGone, "grant_expired", "POST", "/auth/setup", "", setup(secret, password))
	if link := link(); link != "" {
		t.Error("there is a link though there is an admin")
	}
}

// TestEndByAnotherProcessArrivesWithinASecond ends sessions from a process that shares nothing but the file.
func TestEndByAnotherProcessArrivesWithinASecond(t *testing.T) {
	l := openLab(t)
	shell := l.shell()
	var delays []time.Duration
	for range 3 {
		d := l.register("Phone")
		s := d.connect()
		began := time.Now()
		must(t, shell.Staff.EndSession(t.Context(), staff.Shell, d.session.ID, staff.Why{Message: "Closing time"}))
		last := s.closed(wire.CloseKicked)
		delays = append(delays, s.at.Sub(began))
		if last.Type != wire.TypeSessionEnded || last.By.Kind != wire.ByAdmin || last.Message != "Closing time" {
			t.Errorf("before the close came %s", last.raw)
		}
		d.refused("session_revoked")
	}
	if slices.Sort(delays); delays[len(delays)/2] > time.Second {
		t.Errorf("it took %v", delays)
	}
}

// TestRolesByAnotherProcessArrive is the same for a change of claims.
func TestRolesByAnotherProcessArrive(t *testing.T) {
	t.Parallel()
	l := openLab(t)
	d := l.register("Phone")
	s := d.connect()
	_, err := l.shell().Staff.SetRoles(t.Context(), staff.Shell, d.user.ID, []string{"moderator"}, staff.Why{})
	must(t, err)
	if f := s.expect(wire.TypeAuthChanged); !slices.Contains(f.Roles, "moderator") {
		t.Errorf("heard %s", f.raw)
	}
	d.refused("token_stale")
}
