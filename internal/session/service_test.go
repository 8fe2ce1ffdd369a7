package session_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

func TestTheOldestSessionByBirthGivesWay(t *testing.T) {
	h := rulestest.Open(t, "--max-sessions=2")
	u := h.AddStranger()
	h.Advance(time.Minute)
	second := h.Enter(u)
	h.Advance(-time.Minute) // a node whose clock is behind: born earlier, though its id is later
	first := h.Enter(u)
	h.Advance(2 * time.Minute)
	third := h.Enter(u)
	for x, want := range map[string]bool{first.Session.ID: true, second.Session.ID: false, third.Session.ID: false} {
		if got := h.Record(x).Ended(); got != want {
			t.Errorf("session born %v ended: %t, want %t", h.Record(x).CreatedAt, got, want)
		}
	}
}

func TestSignInThatBeganBeforeAChangeOfCredentialsFails(t *testing.T) {
	changes := map[string]func(*account.User){
		"password": func(u *account.User) { u.AuthVersion++ },
		"disabled": func(u *account.User) { u.Disabled = true },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			h := rulestest.Open(t)
			u := h.AddStranger()
			now := u
			change(&now)
			if _, err := h.Store.ReplaceUser(t.Context(), now, true); err != nil {
				t.Fatal(err)
			}
			_, err := h.Sessions.Start(t.Context(), session.Start{User: u, Transport: session.Body, Name: "Phone", AAL: 1})
			if !errors.Is(err, account.ErrInvalidCredentials) {
				t.Errorf("answer %v", err)
			}
			if n := h.Live(u.ID); n != 0 {
				t.Errorf("%d sessions survive", n)
			}
		})
	}
}

// leaving cancels the caller's context once the session is stored.
type leaving struct {
	session.Store
	cancel func()
}

func (l leaving) InsertSession(ctx context.Context, s session.Session) (session.Session, error) {
	defer l.cancel()
	return l.Store.InsertSession(ctx, s)
}

func TestCallerWhoGoesAwayLeavesNoUncheckedSession(t *testing.T) {
	h := rulestest.Open(t)
	u := h.AddStranger()
	now := u
	now.AuthVersion++
	if _, err := h.Store.ReplaceUser(t.Context(), now, true); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := *h.Sessions
	s.Store = leaving{h.Store, cancel}
	if _, err := s.Start(ctx, session.Start{User: u, Transport: session.Body, Name: "Phone", AAL: 1}); !errors.Is(err, account.ErrInvalidCredentials) {
		t.Errorf("answer %v", err)
	}
	if n := h.Live(u.ID); n != 0 {
		t.Errorf("%d sessions survive", n)
	}
}

func TestEndOfAllGoesOnWhenOneFails(t *testing.T) {
	h := rulestest.Open(t)
	u := h.AddStranger()
	own := h.Enter(u)
	var others []session.Issued
	for range 3 {
		others = append(others, h.Enter(u))
	}
	s := *h.Sessions
	s.Store = broken{h.Store, others[1].Session.ID}
	n, err := s.EndAll(t.Context(), u.ID, own.Session.ID, kick)
	if n != 2 || !errors.Is(err, errDisk) {
		t.Errorf("ended %d, %v; want 2 and the error", n, err)
	}
	if h.Live(u.ID) != 2 || h.Record(own.Session.ID).Ended() {
		t.Error("not all but the own session and the one that failed have ended")
	}
}

// broken is a store that cannot end one session.
type broken struct {
	session.Store
	id string
}

var errDisk = errors.New("disk")

func (b broken) EndSession(ctx context.Context, id string, e session.End) (session.Session, bool, error) {
	if id == b.id {
		return session.Session{}, false, errDisk
	}
	return b.Store.EndSession(ctx, id, e)
}

// noRows is a store that cannot write audit rows, and says so when it is asked.
type noRows struct {
	audit.Store
	asked func(audit.Event)
}

func (n noRows) AppendAudit(_ context.Context, e audit.Event) error {
	n.asked(e)
	return errDisk
}

// The row is no reason to let the session live on.
func TestEndIsAnnouncedBeforeItsRow(t *testing.T) {
	c := newChain(t)
	s := *c.Sessions
	asked := 0
	s.Audit = noRows{c.Store, func(e audit.Event) {
		asked++
		if _, ended := c.Memory.Ended(e.Target.ID); !ended {
			t.Error("the row comes before the announcement")
		}
	}}
	sess, ended, err := s.End(t.Context(), c.first.Session.ID, kick)
	if !sess.Ended() || !ended || !errors.Is(err, errDisk) || asked != 1 {
		t.Errorf("%+v, %t, %v after %d rows", sess, ended, err, asked)
	}
}

func TestEndIsRecordedWithWhoAndWhy(t *testing.T) {
	c := newChain(t)
	e := session.Ending{
		Reason: "kicked", By: wire.By{Kind: wire.ByAdmin, Name: "Root"}, Message: "call me", Note: "stolen laptop",
		Actor: audit.Party{Kind: "user", ID: "usr_root"}, IP: "198.51.100.1",
	}
	sess, ended, err := c.Sessions.End(t.Context(), c.first.Session.ID, e)
	if err != nil || !ended {
		t.Fatal(ended, err)
	}
	if frame := sess.EndedFrame(); frame.Reason != "kicked" || frame.By != e.By || frame.Message != "call me" || !frame.At.Std().Equal(c.Time()) {
		t.Errorf("frame %+v", frame)
	}
	row := c.Events(audit.Query{Action: audit.SessionEnded})[0]
	if row.Actor != e.Actor || row.Target.ID != sess.ID || row.UserID != c.user.ID || row.IP != e.IP || row.Reason != "stolen laptop" || row.Details["message"] != "call me" {
		t.Errorf("row %+v", row)
	}
	if strings.Contains(fmt.Sprintf("%+v", sess.EndedFrame()), "stolen") {
		t.Error("the note for the audit is shown to the person")
	}

	err = c.refused(c.first.RefreshToken, "session_revoked")
	members := fault.As(err).Members
	if members["reason"] != "kicked" || members["by"] != e.By || members["message"] != "call me" || members["at"] == nil {
		t.Errorf("the refused refresh tells %v", members)
	}
	c.Advance(c.Sessions.Lives.Kept)
	if err := c.Store.Purge(t.Context(), c.Time()); err != nil {
		t.Fatal(err)
	}
	c.refused(c.first.RefreshToken, "invalid_token")
}

func TestReauthenticationKeepsGenerationAndGivesNoRefreshToken(t *testing.T) {
	c := newChain(t)
	c.Advance(time.Minute)
	x, err := c.Sessions.Prove(t.Context(), c.first.Session.ID, session.Proof{Method: "pwd", Fresh: true})
	if err != nil {
		t.Fatal(err)
	}
	if x.RefreshToken != "" || x.Session.Refresh.Generation != 1 || !x.Session.AuthTime.Equal(c.Time()) {
		t.Errorf("issued %+v", x)
	}
	p, err := c.Guard.Token(x.AccessToken)
	if err != nil || !p.AuthTime.Equal(c.Time().Truncate(time.Second)) {
		t.Errorf("auth_time %v, %v", p.AuthTime, err)
	}
	if len(c.Renewals()) != 1 {
		t.Error("the session's sockets were not told")
	}
	c.refresh(c.first.RefreshToken)

	if _, _, err := c.Sessions.End(t.Context(), c.first.Session.ID, kick); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Sessions.Prove(t.Context(), c.first.Session.ID, session.Proof{Method: "pwd", Fresh: true}); codeOf(err) != "session_revoked" {
		t.Errorf("of an ended session: %v", err)
	}
}

func TestDeviceNames(t *testing.T) {
	c := newChain(t)
	id := c.first.Session.ID
	for name, good := range map[string]bool{"": false, "a": true, strings.Repeat("ü", 64): true, strings.Repeat("a", 65): false, "a\nb": false, "\xff": false} {
		if err := session.CheckName("name", name); (err == nil) != good {
			t.Errorf("name %q: %v", name, err)
		}
	}
	before := len(c.Announced())
	for range 2 {
		s, err := c.Sessions.Rename(t.Context(), c.user.ID, id, "Kitchen")
		if err != nil || s.Name != "Kitchen" {
			t.Fatal(s.Name, err)
		}
	}
	if n := len(c.Announced()) - before; n != 1 {
		t.Errorf("announced %d changes, want one: the second says nothing new", n)
	}
	if _, _, err := c.Sessions.End(t.Context(), id, kick); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Sessions.Rename(t.Context(), c.user.ID, id, "Cellar"); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("renaming an ended session: %v", err)
	}
}

func TestLookTellsWhatATokenStandsForAndChangesNothing(t *testing.T) {
	c := newChain(t)
	second := c.refresh(c.first.RefreshToken)
	before := c.stored()
	look := func(text string) (session.Presented, error) { return c.Sessions.Look(t.Context(), text, session.Body) }
	if p, err := look(second.RefreshToken); err != nil || !p.Current {
		t.Errorf("current generation: %+v, %v", p, err)
	}
	if p, err := look(c.first.RefreshToken); err != nil || p.Current {
		t.Errorf("previous generation in its grace: %+v, %v", p, err)
	}
	c.use(second)
	c.Advance(time.Minute)
	if _, err := look(c.first.RefreshToken); !errors.Is(err, fault.ErrTokenExpired) {
		t.Errorf("previous generation, late: %v", err)
	}
	if _, err := c.Sessions.Look(t.Context(), second.RefreshToken, session.Cookie); !errors.Is(err, fault.ErrInvalidToken) {
		t.Errorf("other transport: %v", err)
	}
	if after := c.stored(); after.Version != before.Version || after.Ended() {
		t.Error("looking changed the record")
	}
}
