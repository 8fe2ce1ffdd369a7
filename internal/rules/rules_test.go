package rules_test

import (
	"encoding/hex"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/config"
	"github.com/gatehouse-dev/gatehouse/internal/rules"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
)

func settings(t *testing.T, flags ...string) config.Config {
	t.Helper()
	cfg, err := config.Load(append([]string{"--mail-dir=" + t.TempDir()}, flags...), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func open(t *testing.T, flags ...string) (*rules.Rules, error) {
	t.Helper()
	return rules.Open(t.Context(), settings(t, flags...), time.Now, slog.New(slog.DiscardHandler))
}

func secret(b byte) string {
	return "--secret=" + hex.EncodeToString([]byte(strings.Repeat(string(b), seal.SecretSize)))
}

func TestStoreIsMadeAndOpenedAgainWithItsOwnSecretOnly(t *testing.T) {
	store := "--store=sqlite:" + filepath.Join(t.TempDir(), "data", "gatehouse.db")
	for range 2 {
		r, err := open(t, store, secret('a'))
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Keyset.Keys().JWKS()) == 0 {
			t.Error("there are no signing keys")
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := open(t, store, secret('b'))
	if !errors.Is(err, seal.ErrOpen) || !strings.Contains(err.Error(), "GATEHOUSE_SECRET") {
		t.Errorf("with another secret: %v", err)
	}
	r, err := open(t, store, secret('a'))
	if err != nil {
		t.Fatalf("the refused start did harm: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFlushIntervalIsWithinTheGrace(t *testing.T) {
	for _, grace := range []time.Duration{time.Second, 10 * time.Second, 30 * time.Second, time.Hour} {
		h := rulestest.Open(t, "--refresh-grace="+grace.String())
		if every := h.FlushEvery(); every <= 0 || 2*every > grace {
			t.Errorf("grace %v, flush every %v: not twice in it", grace, every)
		}
	}
}

func TestEndedRecordsOutliveEveryAccessToken(t *testing.T) {
	for _, ttl := range []string{"1m", "15m", "72h"} {
		h := rulestest.Open(t, "--access-ttl="+ttl, "--refresh-ttl=168h")
		kept, horizon := h.Sessions.Lives.Kept, rules.Horizon(h.Config)
		if kept < 24*time.Hour || kept <= horizon+30*time.Second || horizon <= h.Config.AccessTTL {
			t.Errorf("access TTL %s: kept %v, followed back %v", ttl, kept, horizon)
		}
	}
}

func TestUnansweredStoreNamesItsVariable(t *testing.T) {
	folder := t.TempDir() // a folder is no database
	if _, err := open(t, "--store=sqlite:"+folder, secret('a')); err == nil || !strings.Contains(err.Error(), "GATEHOUSE_STORE") {
		t.Errorf("answer %v", err)
	}
}
