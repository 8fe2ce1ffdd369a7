package grant_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
	"github.com/gatehouse-dev/gatehouse/internal/store/sqlite"
	"github.com/gatehouse-dev/gatehouse/internal/token"
)

var epoch = rulestest.Epoch

// service is grants on a SQLite file, under a clock that stands where now says.
func service(t *testing.T, path string, now *time.Time, secrets ...byte) *grant.Service {
	t.Helper()
	box := func() *seal.Box {
		masters := make([][]byte, 2)
		for i, b := range secrets {
			masters[i] = bytes.Repeat([]byte{b}, seal.SecretSize)
		}
		box, err := seal.New(masters[0], masters[1])
		if err != nil {
			t.Fatal(err)
		}
		return box
	}()
	clock := func() time.Time { return *now }
	store, err := sqlite.Open(t.Context(), path, sqlite.Options{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return &grant.Service{Store: store, Secrets: box, Now: clock}
}

func open(t *testing.T) (*grant.Service, *time.Time) {
	t.Helper()
	now := epoch
	return service(t, filepath.Join(t.TempDir(), "g.db"), &now, 1), &now
}

func give(t *testing.T, s *grant.Service, g grant.Grant) string {
	t.Helper()
	secret, err := s.Give(t.Context(), g, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func TestGrantIsTakenOnceByOneOfMany(t *testing.T) {
	s, _ := open(t)
	given := grant.Grant{Purpose: grant.Ticket, UserID: "usr_a", SessionID: "ses_a", AuthVersion: 3, TriesLeft: 1, Payload: []byte("x")}
	secret := give(t, s, given)
	won := 0
	for _, err := range rulestest.Race(16, func(int) error {
		got, err := s.Take(t.Context(), grant.Ticket, secret)
		if err == nil && (got.SessionID != "ses_a" || got.AuthVersion != 3 || string(got.Payload) != "x") {
			t.Errorf("took %+v", got)
		}
		return err
	}) {
		if err == nil {
			won++
		} else if !errors.Is(err, grant.ErrExpired) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d of 16 took it", won)
	}
}

func TestTriesAreCountedAcrossEverybody(t *testing.T) {
	s, _ := open(t)
	secret := give(t, s, grant.Grant{Purpose: "mfa", TriesLeft: 5})
	tried := 0
	for _, err := range rulestest.Race(16, func(int) error {
		_, err := s.Try(t.Context(), "mfa", secret)
		return err
	}) {
		if err == nil {
			tried++
		} else if !errors.Is(err, grant.ErrExpired) {
			t.Error(err)
		}
	}
	if tried != 5 {
		t.Errorf("%d tries of five", tried)
	}
	if _, err := s.Take(t.Context(), "mfa", secret); err != nil {
		t.Errorf("the last try was good, but: %v", err)
	}
}

func TestGrantOfAnotherPurposeOrFormOrTimeIsExpired(t *testing.T) {
	s, now := open(t)
	secret := give(t, s, grant.Grant{Purpose: grant.Ticket, TriesLeft: 1})
	for name, take := range map[string]func() (grant.Grant, error){
		"another purpose":  func() (grant.Grant, error) { return s.Take(t.Context(), grant.Setup, secret) },
		"an unknown one":   func() (grant.Grant, error) { return s.Take(t.Context(), grant.Ticket, token.NewSecret()) },
		"empty":            func() (grant.Grant, error) { return s.Take(t.Context(), grant.Ticket, "") },
		"not in its form":  func() (grant.Grant, error) { return s.Take(t.Context(), grant.Ticket, secret+"=") },
		"tried elsewhere":  func() (grant.Grant, error) { return s.Try(t.Context(), grant.Setup, secret) },
		"tried as rubbish": func() (grant.Grant, error) { return s.Try(t.Context(), grant.Ticket, "' OR 1=1") },
	} {
		if _, err := take(); !errors.Is(err, grant.ErrExpired) {
			t.Errorf("%s: %v", name, err)
		}
	}
	*now = epoch.Add(time.Minute)
	if _, err := s.Take(t.Context(), grant.Ticket, secret); !errors.Is(err, grant.ErrExpired) {
		t.Errorf("at its end: %v", err)
	}
	*now = epoch.Add(time.Minute - time.Millisecond)
	if _, err := s.Take(t.Context(), grant.Ticket, secret); err != nil {
		t.Errorf("just before its end: %v", err)
	}
}

func TestGrantSurvivesTheSwapOfMasterSecrets(t *testing.T) {
	path, now := filepath.Join(t.TempDir(), "g.db"), epoch
	secret := give(t, service(t, path, &now, 1), grant.Grant{Purpose: grant.Setup, TriesLeft: 1})
	if _, err := service(t, path, &now, 2).Take(t.Context(), grant.Setup, secret); !errors.Is(err, grant.ErrExpired) {
		t.Errorf("under a foreign secret: %v", err)
	}
	if _, err := service(t, path, &now, 2, 1).Take(t.Context(), grant.Setup, secret); err != nil {
		t.Errorf("under the previous one: %v", err)
	}
}
