package token

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

func encode(text []byte) string { return base64.RawURLEncoding.EncodeToString(text) }

// forge signs any header and claims with the key set's own current key: what remains is wrong only in what the test says.
func forge(k *Keys, header, body string) string {
	text := encode([]byte(header)) + "." + encode([]byte(body))
	return text + "." + encode(ed25519.Sign(k.current.private, []byte(text)))
}

func goodHeader(k *Keys) string {
	text, _ := base64.RawURLEncoding.DecodeString(k.current.header)
	return string(text)
}

// goodBody is the JSON of valid claims, with members replaced, added or (by nil) removed.
func goodBody(t testing.TB, k *Keys, change map[string]any) string {
	t.Helper()
	parts := strings.Split(mustSign(t, k, claims()), ".")
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err != nil || d.Decode(&m) != nil {
		t.Fatal("cannot read own claims")
	}
	for name, value := range change {
		m[name] = value
		if value == nil {
			delete(m, name)
		}
	}
	text, err = json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func refused(t *testing.T, k *Keys, name, raw string) {
	t.Helper()
	c, err := k.Verify(raw, start)
	if !errors.Is(err, fault.ErrInvalidToken) || c.Subject != "" {
		t.Errorf("%s: Verify = %+v, %v; want invalid_token", name, c, err)
	}
	if err != nil && len(raw) > 40 && strings.Contains(err.Error(), raw[:40]) {
		t.Errorf("%s: the error shows the token", name)
	}
}

// All the tests below lean on this: a forged token with nothing wrong in it passes.
func TestForgedTokenWithNothingWrongPasses(t *testing.T) {
	keys := testKeys(t)
	if _, err := keys.Verify(forge(keys, goodHeader(keys), goodBody(t, keys, nil)), start); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Verify(forge(keys, goodHeader(keys), goodBody(t, keys, map[string]any{"later": 1})), start); err != nil {
		t.Errorf("a claim of a later version: %v", err)
	}
}

func TestThreat01_UnsignedAndWronglySignedTokensAreRefused(t *testing.T) {
	keys := testKeys(t)
	kid, body := keys.current.kid, goodBody(t, keys, nil)
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "", "HS256", "HS512", "RS256", "ES256", "eddsa", "EdDSA ", "Ed25519"} {
		head := fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"at+jwt"}`, alg, kid)
		text := encode([]byte(head)) + "." + encode([]byte(body))
		refused(t, keys, alg+" unsigned", text+".")
		refused(t, keys, alg+" signed", forge(keys, head, body))
		for form, secret := range map[string][]byte{
			"raw": keys.current.public, "base64url": []byte(encode(keys.current.public)), "jwks": keys.JWKS(), "empty": nil,
		} {
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(text))
			refused(t, keys, alg+" keyed with the public key, "+form, text+"."+encode(mac.Sum(nil)))
		}
	}
	raw := mustSign(t, keys, claims())
	head, rest, _ := strings.Cut(raw, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	refused(t, keys, "no signature", head+"."+payload+".")
	refused(t, keys, "signature of another token", head+"."+payload+"."+strings.Split(mustSign(t, keys, claims()), ".")[2])
	refused(t, keys, "claims of another token", head+"."+strings.Split(mustSign(t, keys, claims()), ".")[1]+"."+signature)
	_, stranger, _ := ed25519.GenerateKey(nil)
	refused(t, keys, "stranger's key", head+"."+payload+"."+encode(ed25519.Sign(stranger, []byte(head+"."+payload))))
}

func TestThreat02_HeadersOfAnyOtherFormAreRefused(t *testing.T) {
	keys := testKeys(t)
	kid, body := keys.current.kid, goodBody(t, keys, nil)
	for name, head := range map[string]string{
		"crit":            `{"alg":"EdDSA","crit":["exp"],"kid":%q,"typ":"at+jwt"}`,
		"crit, empty":     `{"alg":"EdDSA","crit":[],"kid":%q,"typ":"at+jwt"}`,
		"b64":             `{"alg":"EdDSA","b64":false,"crit":["b64"],"kid":%q,"typ":"at+jwt"}`,
		"typ JWT":         `{"alg":"EdDSA","kid":%q,"typ":"JWT"}`,
		"typ in capitals": `{"alg":"EdDSA","kid":%q,"typ":"AT+JWT"}`,
		"typ missing":     `{"alg":"EdDSA","kid":%q}`,
		"typ of id token": `{"alg":"EdDSA","kid":%q,"typ":"id+jwt"}`,
		"alg missing":     `{"kid":%q,"typ":"at+jwt"}`,
		"alg twice":       `{"alg":"none","alg":"EdDSA","kid":%q,"typ":"at+jwt"}`,
		"cty":             `{"alg":"EdDSA","cty":"JWT","kid":%q,"typ":"at+jwt"}`,
		"zip":             `{"alg":"EdDSA","kid":%q,"typ":"at+jwt","zip":"DEF"}`,
		"trailing":        `{"alg":"EdDSA","kid":%q,"typ":"at+jwt"}{}`,
	} {
		refused(t, keys, name, forge(keys, fmt.Sprintf(head, kid), body))
	}
	refused(t, keys, "null header", forge(keys, "null", body))
	refused(t, keys, "one-time secret", NewSecret())
	refused(t, keys, "refresh token", MintRefresh(NewRefreshKey(), claims().SessionID, 1))
}

func TestThreat02_OtherSpellingsOfAGoodTokenAreRefused(t *testing.T) {
	keys := testKeys(t)
	raw := mustSign(t, keys, claims())
	parts := strings.Split(raw, ".")
	last := raw[len(raw)-1]
	for name, text := range map[string]string{
		"empty": "", "dots": "..", "two parts": parts[0] + "." + parts[1], "four parts": raw + ".", "five parts (JWE)": raw + "." + raw,
		"padded signature": raw + "==", "padded header": parts[0] + "=." + parts[1] + "." + parts[2],
		"line end behind": raw + "\n", "line end in signature": raw[:len(raw)-4] + "\n" + raw[len(raw)-4:],
		"return in claims": parts[0] + "." + parts[1][:8] + "\r" + parts[1][8:] + "." + parts[2],
		"spare bits":       raw[:len(raw)-1] + string(base64Next(last)), "space before": " " + raw, "NUL behind": raw + "\x00",
		"JSON form": `{"protected":"` + parts[0] + `"}`, "too long": raw + strings.Repeat("A", MaxLength),
	} {
		refused(t, keys, name, text)
	}
	long := goodBody(t, keys, map[string]any{"later": strings.Repeat("x", MaxLength)})
	refused(t, keys, "too long, well signed", forge(keys, goodHeader(keys), long))
}

func TestThreat03_ClaimsOutOfBoundsAreRefused(t *testing.T) {
	keys := testKeys(t)
	now := start.Unix()
	for name, change := range map[string]map[string]any{
		"no exp": {"exp": nil}, "exp as text": {"exp": "9999999999"}, "exp with a fraction": {"exp": json.Number("1772370000.5")},
		"exp with an exponent": {"exp": json.Number("1e10")}, "exp beyond int64": {"exp": json.Number("99999999999999999999")},
		"exp at the end of int64": {"exp": json.Number("9223372036854775807")}, "exp of zero": {"exp": 0}, "exp below zero": {"exp": -1},
		"exp before iat": {"exp": now - 1}, "exp null": {"exp": json.RawMessage("null")},
		"no iat": {"iat": nil}, "iat beyond the leeway": {"iat": now + 32}, "iat at the start of int64": {"iat": json.Number("-9223372036854775808")},
		"no aud": {"aud": nil}, "foreign aud": {"aud": "other"}, "aud as list": {"aud": []string{"gatehouse"}}, "aud in capitals": {"aud": "Gatehouse"},
		"no iss": {"iss": nil}, "foreign iss": {"iss": "https://evil.example"}, "iss with a slash more": {"iss": conf.Issuer + "/"}, "iss empty": {"iss": ""},
		"no sub": {"sub": nil}, "sub of another kind": {"sub": claims().SessionID}, "sub empty": {"sub": ""},
		"no sid": {"sid": nil}, "sid of another kind": {"sid": claims().Subject}, "sid with a path": {"sid": "ses_../../etc/passwd"},
		"no roles": {"roles": nil}, "roles null": {"roles": json.RawMessage("null")}, "roles as text": {"roles": "admin"},
		"no aal": {"aal": nil}, "aal 0": {"aal": 0}, "aal 3": {"aal": 3}, "no amr": {"amr": nil}, "no auth_time": {"auth_time": nil},
		"no epoch": {"epoch": nil}, "epoch below zero": {"epoch": -1}, "no gen": {"gen": nil},
		"owes unknown": {"owes": "nothing"}, "owes null": {"owes": json.RawMessage("null")}, "exp in capitals only": {"exp": nil, "EXP": now + 60},
	} {
		refused(t, keys, name, forge(keys, goodHeader(keys), goodBody(t, keys, change)))
	}
	body := goodBody(t, keys, nil)
	for name, text := range map[string]string{
		"exp twice": strings.Replace(body, "{", fmt.Sprintf(`{"exp":%d,`, now+60), 1), "roles twice": strings.TrimSuffix(body, "}") + `,"roles":["owner"]}`,
		"name escaped, twice": strings.TrimSuffix(body, "}") + `,"\u0073ub":"` + claims().Subject + `"}`,
		"null":                "null", "list": "[" + body + "]", "text": `"x"`, "two objects": body + body, "nothing": "", "cut": body[:len(body)-1],
	} {
		refused(t, keys, name, forge(keys, goodHeader(keys), text))
	}
	for name, change := range map[string]map[string]any{"absurd exp": {"exp": now + 10*365*86400}, "exp long ago": {"iat": now - 900, "exp": now - 1}} {
		if _, err := keys.Verify(forge(keys, goodHeader(keys), goodBody(t, keys, change)), start); !errors.Is(err, fault.ErrTokenExpired) {
			t.Errorf("%s: %v, want token_expired", name, err)
		}
	}
	if _, err := keys.Verify(forge(keys, goodHeader(keys), goodBody(t, keys, map[string]any{"iat": now + 30})), start); err != nil {
		t.Errorf("iat within the leeway: %v", err)
	}
}

func TestThreat04_KeysNamedByTheTokenAreNeverFetched(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	keys := testKeys(t)
	kid, body := keys.current.kid, goodBody(t, keys, nil)

	public, private, _ := ed25519.GenerateKey(nil)
	jwkText, _ := json.Marshal(newJWK(&key{kid: kid, public: public}))
	for name, head := range map[string]string{
		"unknown kid":    `{"alg":"EdDSA","kid":"key_01ARZ3NDEKTSV4RRFFQ69G5FAV","typ":"at+jwt"}`,
		"kid as path":    `{"alg":"EdDSA","kid":"../../../../dev/null","typ":"at+jwt"}`,
		"kid as URL":     fmt.Sprintf(`{"alg":"EdDSA","kid":%q,"typ":"at+jwt"}`, server.URL+"/jwks.json"),
		"kid as number":  `{"alg":"EdDSA","kid":1,"typ":"at+jwt"}`,
		"kid as list":    fmt.Sprintf(`{"alg":"EdDSA","kid":[%q],"typ":"at+jwt"}`, kid),
		"kid empty":      `{"alg":"EdDSA","kid":"","typ":"at+jwt"}`,
		"kid missing":    `{"alg":"EdDSA","typ":"at+jwt"}`,
		"kid twice":      fmt.Sprintf(`{"alg":"EdDSA","kid":"x","kid":%q,"typ":"at+jwt"}`, kid),
		"kid lower-case": fmt.Sprintf(`{"alg":"EdDSA","kid":%q,"typ":"at+jwt"}`, strings.ToLower(kid)),
		"jku":            fmt.Sprintf(`{"alg":"EdDSA","jku":%q,"kid":%q,"typ":"at+jwt"}`, server.URL, kid),
		"x5u":            fmt.Sprintf(`{"alg":"EdDSA","kid":%q,"typ":"at+jwt","x5u":%q}`, kid, server.URL),
		"jwk":            fmt.Sprintf(`{"alg":"EdDSA","jwk":%s,"kid":%q,"typ":"at+jwt"}`, jwkText, kid),
	} {
		refused(t, keys, name, forge(keys, head, body))
		text := encode([]byte(head)) + "." + encode([]byte(body))
		refused(t, keys, name+", signed with the named key", text+"."+encode(ed25519.Sign(private, []byte(text))))
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("%d requests went out", n)
	}
}

func TestThreat05_OldKeyWorksToItsEndAndNotAfter(t *testing.T) {
	box := testBox(t)
	before := NewRecord(start, box)
	old := open(t, before, conf)
	late := start.Add(5 * time.Second) // a node that hears of the rotation late signs on with the old key
	c := claims()
	c.IssuedAt, c.Expires = late, late.Add(conf.TTL)
	raw := mustSign(t, old, c)

	after := Rotate(before, start, conf.TTL, box)
	keys := open(t, after, conf)
	lastMoment := late.Truncate(time.Second).Add(conf.TTL - time.Nanosecond)
	if _, err := keys.Verify(raw, lastMoment); err != nil {
		t.Errorf("before its end: %v", err)
	}
	if _, err := keys.Verify(raw, lastMoment.Add(time.Nanosecond)); !errors.Is(err, fault.ErrTokenExpired) {
		t.Errorf("at its end: %v, want token_expired", err)
	}

	// A key that was stolen could sign whatever it likes: what stops it is the withdrawal.
	withdrawn := after.Keys[0].WithdrawAt
	c.IssuedAt, c.Expires = withdrawn.Add(-time.Minute), withdrawn.Add(time.Minute)
	stolen := mustSign(t, old, c)
	if _, err := keys.Verify(stolen, withdrawn.Add(-time.Nanosecond)); err != nil {
		t.Errorf("just before the withdrawal: %v", err)
	}
	if _, err := keys.Verify(stolen, withdrawn); !errors.Is(err, fault.ErrInvalidToken) {
		t.Errorf("withdrawn, not yet pruned: %v, want invalid_token", err)
	}
	pruned, _ := Prune(after, withdrawn)
	if _, err := open(t, pruned, conf).Verify(stolen, withdrawn); !errors.Is(err, fault.ErrInvalidToken) {
		t.Errorf("withdrawn and pruned: %v, want invalid_token", err)
	}
}

func TestThreat05_NextKeyVerifiesBeforeANodeHearsOfTheRotation(t *testing.T) {
	box := testBox(t)
	before := NewRecord(start, box)
	fresh := open(t, Rotate(before, start, conf.TTL, box), conf)
	if _, err := open(t, before, conf).Verify(mustSign(t, fresh, claims()), start); err != nil {
		t.Error(err)
	}
}

func FuzzVerify(f *testing.F) {
	keys := testKeys(f)
	good := mustSign(f, keys, claims())
	f.Add(good)
	f.Add(good + ".")
	f.Add(keys.current.header + ".e30.AAAA")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, raw string) {
		if _, err := keys.Verify(raw, start); raw != good && !errors.Is(err, fault.ErrInvalidToken) {
			t.Fatalf("Verify(%q) = %v", raw, err)
		}
	})
}

// Without a signature in the way, the reader of claims has to stand on its own.
func FuzzClaims(f *testing.F) {
	keys := testKeys(f)
	f.Add(goodBody(f, keys, nil))
	f.Add(`{"exp":1,"exp":2}`)
	f.Add("null")
	f.Fuzz(func(t *testing.T, body string) {
		raw := forge(keys, goodHeader(keys), body)
		c, err := keys.Verify(raw, start)
		if err != nil {
			return
		}
		signed, err := keys.Sign(c)
		if err != nil && len(raw) > MaxLength/2 {
			return // escaping may make a long token too long
		}
		again, err := keys.Verify(signed, start)
		if err != nil || fmt.Sprint(again) != fmt.Sprint(c) {
			t.Fatalf("%+v comes back as %+v, %v", c, again, err)
		}
	})
}
