package token

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
)

var (
	start = time.Date(2026, 3, 1, 12, 0, 0, 700_000_000, time.UTC)
	conf  = Config{Issuer: "https://gate.example", TTL: 15 * time.Minute}
)

func testBox(t testing.TB) *seal.Box {
	t.Helper()
	box, err := seal.New(bytes.Repeat([]byte{7}, seal.SecretSize), nil)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func open(t testing.TB, rec Record, cfg Config) *Keys {
	t.Helper()
	keys, err := Open(rec, testBox(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func testKeys(t testing.TB) *Keys { return open(t, NewRecord(start, testBox(t)), conf) }

func claims() Claims {
	return Claims{
		Subject: id.New(id.User), SessionID: id.New(id.Session),
		IssuedAt: start, Expires: start.Add(conf.TTL), AuthTime: start.Add(-time.Hour),
		Roles: []string{"user", "admin"}, AAL: 2, AMR: []string{"pwd", "otp", "mfa"},
		Epoch: 3, Generation: 9, Owes: OwesMFA,
	}
}

func mustSign(t testing.TB, k *Keys, c Claims) string {
	t.Helper()
	raw, err := k.Sign(c)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestSignedClaimsComeBack(t *testing.T) {
	keys := testKeys(t)
	c := claims()
	got, err := keys.Verify(mustSign(t, keys, c), start)
	if err != nil {
		t.Fatal(err)
	}
	want := c
	want.Issuer, want.Audience = conf.Issuer, Audience
	for _, at := range []*time.Time{&want.IssuedAt, &want.Expires, &want.AuthTime} {
		*at = at.Truncate(time.Second)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestTokensAreGoodElsewhere: a library that shares nothing with this package takes them.
func TestTokensAreGoodElsewhere(t *testing.T) {
	keys, c := testKeys(t), claims()
	_, err := jwt.Parse(mustSign(t, keys, c), func(*jwt.Token) (any, error) { return keys.current.public, nil },
		jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithStrictDecoding(), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithIssuer(conf.Issuer), jwt.WithAudience(Audience), jwt.WithSubject(c.Subject), jwt.WithTimeFunc(func() time.Time { return start }))
	if err != nil {
		t.Error(err)
	}
}

func TestAccessTokenOnTheWire(t *testing.T) {
	keys := testKeys(t)
	c := claims()
	c.Roles, c.AMR, c.Owes = nil, nil, OwesNothing
	parts := strings.Split(mustSign(t, keys, c), ".")
	var head, body map[string]any
	for i, into := range []*map[string]any{&head, &body} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(raw, into) != nil {
			t.Fatalf("part %d: %v", i, err)
		}
	}
	if want := map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": keys.current.kid}; !reflect.DeepEqual(head, want) {
		t.Errorf("header %v, want %v", head, want)
	}
	want := map[string]any{
		"iss": conf.Issuer, "aud": "gatehouse", "sub": c.Subject, "sid": c.SessionID,
		"iat": float64(start.Unix()), "exp": float64(c.Expires.Unix()), "auth_time": float64(c.AuthTime.Unix()),
		"roles": []any{}, "amr": []any{}, "aal": 2.0, "epoch": 3.0, "gen": 9.0,
	}
	if !reflect.DeepEqual(body, want) {
		t.Errorf("claims %v\nwant   %v", body, want)
	}
}

func TestSignRefusesWhatVerifyWould(t *testing.T) {
	keys := testKeys(t)
	for name, change := range map[string]func(*Claims){
		"no user":       func(c *Claims) { c.Subject = "" },
		"no session":    func(c *Claims) { c.SessionID = c.Subject },
		"no expiry":     func(c *Claims) { c.Expires = time.Time{} },
		"no auth time":  func(c *Claims) { c.AuthTime = time.Time{} },
		"ends first":    func(c *Claims) { c.Expires = c.IssuedAt.Add(-time.Second) },
		"aal":           func(c *Claims) { c.AAL = 3 },
		"owes":          func(c *Claims) { c.Owes = "money" },
		"beyond 1536 B": func(c *Claims) { c.Roles = []string{strings.Repeat("r", 1200)} },
	} {
		c := claims()
		change(&c)
		if raw, err := keys.Sign(c); err == nil || raw != "" {
			t.Errorf("%s: signed", name)
		}
	}
}

func TestExpiry(t *testing.T) {
	rec := NewRecord(start, testBox(t))
	keys := open(t, rec, conf)
	c := claims()
	raw := mustSign(t, keys, c)
	end := c.Expires.Truncate(time.Second)
	lowered := open(t, rec, Config{Issuer: conf.Issuer, TTL: 5 * time.Minute})
	uneven := open(t, rec, Config{Issuer: conf.Issuer, TTL: conf.TTL - 500*time.Millisecond})
	for _, tt := range []struct {
		name string
		keys *Keys
		now  time.Time
		want error
	}{
		{"just before", keys, end.Add(-time.Nanosecond), nil},
		{"at the end, without leeway", keys, end, fault.ErrTokenExpired},
		{"life above a lowered TTL", lowered, start, fault.ErrTokenExpired},
		{"life within a TTL rounded up", uneven, start, nil},
	} {
		got, err := tt.keys.Verify(raw, tt.now)
		if !errors.Is(err, tt.want) || (tt.want == nil) != (err == nil) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if got.SessionID != c.SessionID {
			t.Errorf("%s: the claims are not returned", tt.name)
		}
	}
}

func TestExpiredTokenOfASessionAboutToEnd(t *testing.T) {
	keys := testKeys(t)
	c := claims()
	c.Expires = c.IssuedAt
	if _, err := keys.Verify(mustSign(t, keys, c), start); !errors.Is(err, fault.ErrTokenExpired) {
		t.Errorf("got %v, want token_expired", err)
	}
}

func TestJWKS(t *testing.T) {
	rec := NewRecord(start, testBox(t))
	rec = Rotate(rec, start, conf.TTL, testBox(t))
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(open(t, rec, conf).JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 3 {
		t.Fatalf("%d keys are published, want previous, current and next", len(set.Keys))
	}
	for i, k := range set.Keys {
		want := map[string]string{
			"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": rec.Keys[i].Kid,
			"x": base64.RawURLEncoding.EncodeToString(rec.Keys[i].Public),
		}
		if !reflect.DeepEqual(k, want) {
			t.Errorf("key %d: %v, want %v", i, k, want)
		}
	}
}

func TestRotateAndPrune(t *testing.T) {
	box := testBox(t)
	first := NewRecord(start, box)
	second := Rotate(first, start.Add(time.Hour), conf.TTL, box)
	third := Rotate(second, start.Add(2*time.Hour), conf.TTL, box)

	states := func(rec Record) (s []State) {
		for _, k := range rec.Keys {
			s = append(s, k.State)
		}
		return s
	}
	if got := states(third); !reflect.DeepEqual(got, []State{Previous, Previous, Current, Next}) {
		t.Errorf("states after two rotations: %v", got)
	}
	if second.Keys[1].Kid != first.Keys[1].Kid || second.Keys[1].State != Current {
		t.Error("the next key did not become current")
	}
	if want := start.Add(time.Hour + conf.TTL + Leeway); !third.Keys[0].WithdrawAt.Equal(want) {
		t.Errorf("first key is withdrawn at %v, want %v", third.Keys[0].WithdrawAt, want)
	}
	if first.Version != 1 || second.Version != 2 || third.Version != 3 || first.Keys[0].State != Current {
		t.Error("versions do not rise by one, or a rotation changed its argument")
	}

	at := third.Keys[0].WithdrawAt
	if _, changed := Prune(third, at.Add(-time.Nanosecond)); changed {
		t.Error("pruned before the withdrawal")
	}
	pruned, changed := Prune(third, at)
	if !changed || pruned.Version != 4 || !reflect.DeepEqual(states(pruned), []State{Previous, Current, Next}) || len(third.Keys) != 4 {
		t.Errorf("Prune = %v, %v", states(pruned), changed)
	}
}

func TestRecordSurvivesJSON(t *testing.T) {
	rec := Rotate(NewRecord(start, testBox(t)), start, conf.TTL, testBox(t))
	text, err := json.Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	var got Record
	if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, rec) {
		t.Errorf("came back as %+v, %v", got, err)
	}
}

func TestOpenRefusesDamagedRecords(t *testing.T) {
	box := testBox(t)
	planted, _, _ := ed25519.GenerateKey(nil)
	for name, change := range map[string]func(*Record){
		"planted public key": func(r *Record) { r.Keys[0].Public = planted },
		"swapped seeds":      func(r *Record) { r.Keys[0].Sealed = r.Keys[1].Sealed },
		"no current":         func(r *Record) { r.Keys[0].State = Previous },
		"no next":            func(r *Record) { r.Keys = r.Keys[:1] },
		"one id twice":       func(r *Record) { r.Keys = append(r.Keys, r.Keys[0]); r.Keys[2].State = Previous },
		"empty":              func(r *Record) { r.Keys = nil },
	} {
		rec := NewRecord(start, box)
		change(&rec)
		if _, err := Open(rec, box, conf); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	other, err := seal.New(bytes.Repeat([]byte{8}, seal.SecretSize), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(NewRecord(start, box), other, conf); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("other secret: %v, want ErrOpen", err)
	}
}

func BenchmarkSign(b *testing.B) {
	keys, c := testKeys(b), claims()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := keys.Sign(c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	keys := testKeys(b)
	raw := mustSign(b, keys, claims())
	for _, name := range []string{"first", "again"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if name == "first" {
					keys.current.seen.recent = nil
				}
				if _, err := keys.Verify(raw, start); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
