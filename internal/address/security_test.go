package address_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/mail"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// TestThreat12_ResetEndsAllThatOthersWereGiven: sessions, other links, sign-ins half way, tickets, and a change of the
// address that was asked for.
func TestThreat12_ResetEndsAllThatOthersWereGiven(t *testing.T) {
	l := open(t)
	u := l.enrol(l.user(email))
	thief := l.Enter(u)
	move := l.asked(thief)
	pending, err := l.login(rulestest.Password)
	if err != nil || pending.Challenge == nil {
		t.Fatalf("sign-in half way: %+v, %v", pending, err)
	}
	ticket, err := l.SignIn.Ticket(t.Context(), u.ID, thief.Session.ID)
	l.must(err)
	foreign, own := l.forgotten(email), l.forgotten(email)
	l.must(l.reset(own, next))

	l.ended(thief.Session.ID, "credentials_changed", wire.ByUser)
	if _, err := l.Guard.Token(thief.AccessToken); fault.CodeOf(err) != "session_revoked" {
		t.Errorf("an access token: %v", err)
	}
	_, err = l.Sessions.Refresh(t.Context(), thief.RefreshToken, session.Body, rulestest.Visit)
	l.is("a refresh token", err, "session_revoked")
	l.is("another reset link", l.reset(foreign, "password of mallory"), "grant_expired")
	l.is("a change of address", l.verify(move), "grant_expired")
	_, err = l.SignIn.PayRecoveryCode(t.Context(), pending.Challenge.Token, "0000-0000-0000-0000", rulestest.Entry)
	l.is("a sign-in half way", err, "grant_expired")
	_, _, err = l.SignIn.RedeemTicket(t.Context(), ticket)
	l.is("a ticket", err, "grant_expired")
}

// TestThreat12_SignInThatRacesAReset: no session by the old password outlives it.
func TestThreat12_SignInThatRacesAReset(t *testing.T) {
	l := open(t)
	u := l.user(email)
	m := l.forgotten(email)
	rulestest.Race(8, func(i int) error {
		if i == 0 {
			return l.reset(m, next)
		}
		_, err := l.login(rulestest.Password)
		return err
	})
	if _, err := l.login(rulestest.Password); !errors.Is(err, account.ErrInvalidCredentials) {
		t.Errorf("the old password: %v", err)
	}
	if n := l.Live(u.ID); n > 0 {
		t.Errorf("%d sessions live", n)
	}
}

// TestThreat21_KnownAndUnknownAddressesCostTheSame: what is done while the caller waits, and what he is answered.
func TestThreat21_KnownAndUnknownAddressesCostTheSame(t *testing.T) {
	l := open(t)
	l.user("known@example.com")
	l.unverified("unverified@example.com")
	gone := l.user("disabled@example.com")
	_, _, err := l.Accounts.SetDisabled(t.Context(), gone.ID, true)
	l.must(err)
	l.Deliver()
	addresses := []string{"known@example.com", "unverified@example.com", "disabled@example.com", "unknown@example.com"}
	for name, ask := range map[string]func(to string) error{
		"register": func(to string) error {
			return l.Address.Register(t.Context(), account.New{Email: to, Password: next}, ip)
		},
		"forgot": func(to string) error { return l.Address.Forgot(t.Context(), to, ip) },
		"resend": func(to string) error { return l.Address.Resend(t.Context(), to, ip) },
	} {
		var hashes, jobs, sizes []int64
		times := map[string][]time.Duration{}
		for range 5 {
			for _, to := range addresses {
				before, _ := l.Accounts.Hasher.Counts()
				began := time.Now()
				l.is(name+" "+to, ask(to), "")
				times[to] = append(times[to], time.Since(began))
				after, _ := l.Accounts.Hasher.Counts()
				page, err := l.Store.ListJobs(t.Context(), outbox.Query{State: outbox.Queued})
				l.must(err)
				hashes, jobs = append(hashes, after-before), append(jobs, int64(page.Total))
				sizes = append(sizes, int64(len(page.Jobs[0].Payload)-len(to)))
				l.must(l.Store.DeleteJob(t.Context(), page.Jobs[0].ID))
			}
		}
		for _, counts := range [][]int64{hashes, jobs, sizes} {
			if len(slices.Compact(counts)) != 1 {
				t.Errorf("%s: it differs by address: hashes %v, jobs %v, sizes %v", name, hashes, jobs, sizes)
			}
		}
		known, unknown := median(times["known@example.com"]), median(times["unknown@example.com"])
		if known > 10*unknown || unknown > 10*known {
			t.Errorf("%s takes %v for a known address, %v for an unknown one", name, known, unknown)
		}
		t.Logf("%s: known %v, unknown %v", name, known, unknown)
	}
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

// TestThreat27_ResetStillAsksForTheSecondFactor: a mailbox alone is one factor.
func TestThreat27_ResetStillAsksForTheSecondFactor(t *testing.T) {
	l := open(t)
	u := l.enrol(l.user(email))
	l.must(l.reset(l.forgotten(email), next))
	l.One(mail.PasswordChange, email)
	if got := l.Account(u.ID); !got.HasTOTP() || len(got.RecoveryCodes) == 0 || len(got.Identities) == 0 {
		t.Fatalf("the reset took factors away: %+v", got)
	}
	out, err := l.login(next)
	if err != nil || out.Challenge == nil || out.Issued.AccessToken != "" || out.Issued.RefreshToken != "" {
		t.Errorf("sign-in: %+v, %v; want a challenge and nothing else", out, err)
	}
}

// TestThreat32_AttackersRegistrationGivesHimNothing: he registers the victim's address first; the victim proves it by
// what he asked for himself.
func TestThreat32_AttackersRegistrationGivesHimNothing(t *testing.T) {
	const mallory = "password of mallory"
	for _, mode := range []string{"required", "off"} {
		l := open(t, "--email-verification="+mode)
		if mode == "required" {
			l.register(email, "Mallory", mallory)
		} else {
			_, err := l.SignIn.Register(t.Context(), account.New{Email: email, Password: mallory}, rulestest.Entry)
			l.must(err)
			l.enrol(l.byEmail(email))
		}
		l.Deliver()
		if mode == "required" {
			l.register(email, "Ada", next)
			l.must(l.verify(l.One(mail.VerifyEmail, email)))
		} else {
			l.must(l.reset(l.forgotten(email), next))
		}
		_, err := l.login(mallory)
		l.is(mode+": the attacker's password", err, "invalid_credentials")
		out, err := l.login(next)
		if err != nil || out.Challenge != nil {
			t.Errorf("%s: the victim: %+v, %v", mode, out, err)
		}
		u := l.byEmail(email)
		if n := l.Live(u.ID); n != 1 || u.HasFactor() || len(u.Identities) > 0 {
			t.Errorf("%s: %d sessions, %+v", mode, n, u)
		}
	}
}

// TestThreat33_LinksBeginWithThePublicURL: nothing that a caller says goes into a link but what he wants proved.
func TestThreat33_LinksBeginWithThePublicURL(t *testing.T) {
	l := open(t, "--public-url=https://gate.example.com")
	x := l.Enter(l.user(email))
	l.register("new@example.com", "https://evil.example/", next)
	l.must(l.Address.Forgot(t.Context(), email, ip))
	l.must(l.Address.Change(t.Context(), actor(x), other))
	_, _, err := l.Address.Invite(t.Context(), actor(x), account.New{Email: "guest@example.com", Name: "evil.example"})
	l.must(err)
	want := map[string]string{mail.VerifyEmail: "/verify", mail.ResetPassword: "/reset", mail.ChangeEmail: "/verify", mail.Invitation: "/reset"}
	for _, m := range l.Deliver() {
		if page := want[m.Kind]; page != "" && m.Link != "https://gate.example.com"+page {
			t.Errorf("%s links to %s", m.Kind, m.Link)
		}
		delete(want, m.Kind)
	}
	if len(want) > 0 {
		t.Errorf("did not come: %v", want)
	}
}
