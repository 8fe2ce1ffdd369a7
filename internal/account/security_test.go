package account_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
)

// guesses are sign-ins that must not be told apart: by name, an address and a password.
func guesses(t testing.TB, h *rulestest.House) map[string][2]string {
	t.Helper()
	h.AddUser("ada@example.com")
	disabled := h.AddUser("bob@example.com")
	if _, _, err := h.Accounts.SetDisabled(t.Context(), disabled.ID, true); err != nil {
		t.Fatal(err)
	}
	return map[string][2]string{
		"unknown":      {"nobody@example.com", rulestest.Password},
		"wrong":        {"ada@example.com", "wrong but long enough"},
		"disabled":     {"bob@example.com", rulestest.Password},
		"passwordless": {h.AddStranger().Email, rulestest.Password},
	}
}

func TestThreat20_NobodyLearnsWhichAccountsThereAre(t *testing.T) {
	h := rulestest.Open(t)
	for name, guess := range guesses(t, h) {
		before, _ := h.Accounts.Hasher.Counts()
		_, err := h.Accounts.Authenticate(t.Context(), guess[0], guess[1])
		after, _ := h.Accounts.Hasher.Counts()
		if f := fault.As(err); f.Code != "invalid_credentials" || f.Detail != "" || f.Err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if after-before != 1 {
			t.Errorf("%s: %d hashes, want the one of any other", name, after-before)
		}
	}
	if _, err := h.Accounts.Authenticate(t.Context(), "ada@example.com", rulestest.Password); err != nil {
		t.Errorf("the right password: %v", err)
	}
}

// BenchmarkThreat20_Guesses prints what each kind of refused sign-in takes: they should be alike.
func BenchmarkThreat20_Guesses(b *testing.B) {
	h := rulestest.Open(b)
	for name, guess := range guesses(b, h) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := h.Accounts.Authenticate(b.Context(), guess[0], guess[1]); !errors.Is(err, account.ErrInvalidCredentials) {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestThreat23_FiveHundredLoginsAtOnceStayWithinMemory(t *testing.T) {
	const logins, slots, queue = 500, 2, 8
	const each = 19 << 20 // bytes of one hash
	h := account.NewHasher(slots, queue)
	long := strings.Repeat("x", 64<<10)
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)

	stop, peak := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		for tick := time.NewTicker(time.Millisecond); ; {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapInuse)
			select {
			case <-tick.C:
			case <-stop:
				tick.Stop()
				peak <- most
				return
			}
		}
	}()
	var done, busy int
	for _, err := range rulestest.Race(logins, func(int) error {
		_, _, err := h.Verify(t.Context(), "", long)
		return err
	}) {
		switch {
		case err == nil:
			done++
		case errors.Is(err, account.ErrBusy) && fault.As(err).Kind == fault.Unavailable && fault.As(err).RetryAfter > 0:
			busy++
		default:
			t.Error(err)
		}
	}
	close(stop)
	grown := <-peak - before.HeapInuse
	if done < slots+queue || done+busy != logins || busy == 0 {
		t.Errorf("%d were checked and %d refused, of %d", done, busy, logins)
	}
	// What was freed may not be collected yet: allow each slot's memory a few times over, but not each login's.
	if limit := uint64(each * (slots + 1) * 4); grown > limit {
		t.Errorf("the heap grew by %d MiB, allowed are %d", grown>>20, limit>>20)
	}
	if n, refused := h.Counts(); n != int64(done) || refused != int64(busy) {
		t.Errorf("counted %d hashes and %d refused, were %d and %d", n, refused, done, busy)
	}
}

func TestThreat34_LastAdminAgainstHimself(t *testing.T) {
	h := rulestest.Open(t)
	a := h.AddStranger(admin)
	for name, err := range map[string]error{"demoted": roles(t, h, a, mod), "disabled": disable(t, h, a)} {
		if f := fault.As(err); !errors.Is(err, account.ErrLastAdmin) || f.Kind != fault.Conflict {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := h.Account(a.ID); !got.Has(admin) || got.Disabled || got.Epoch != a.Epoch {
		t.Errorf("became %+v", got)
	}
}

func TestThreat34_TwoAdminsAgainstEachOtherAtTheSameMoment(t *testing.T) {
	const rounds = 200
	h := rulestest.Open(t)
	a, b := h.AddStranger(admin), h.AddStranger(admin)
	acts := []func(account.User) error{
		func(u account.User) error { return roles(t, h, u, user) },
		func(u account.User) error { return disable(t, h, u) },
	}
	for round := range rounds {
		errs := rulestest.Race(2, func(i int) error { return acts[(round>>i)%2]([]account.User{a, b}[i]) })
		refused := 0
		for _, err := range errs {
			if errors.Is(err, account.ErrLastAdmin) {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if left := admins(t, h); len(left) != 1 || refused != 1 {
			t.Fatalf("round %d: %d admins left and %d refused, want one of each", round, len(left), refused)
		}
		for _, u := range []account.User{a, b} {
			if err := errors.Join(enable(t, h, u), roles(t, h, u, admin)); err != nil {
				t.Fatal(err)
			}
		}
	}
}
