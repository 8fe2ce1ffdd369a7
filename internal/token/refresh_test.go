package token

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
)

func TestRefreshTokensOfTheirOwnKeyVerify(t *testing.T) {
	key, session := NewRefreshKey(), id.New(id.Session)
	for _, generation := range []int{0, 1, 256, math.MaxUint32} {
		text := MintRefresh(key, session, generation)
		r, err := ParseRefresh(text)
		if err != nil || r != (Refresh{session, generation}) {
			t.Fatalf("ParseRefresh = %+v, %v", r, err)
		}
		if !r.Verify(key, text) || text != MintRefresh(key, session, generation) {
			t.Errorf("generation %d: does not verify, or is not always the same", generation)
		}
		if r.Verify(NewRefreshKey(), text) || r.Verify(nil, text) || r.Verify(key[:31], text) {
			t.Errorf("generation %d: verifies under another key", generation)
		}
	}
}

// A pinned value: a change of the form would sign out every device at the upgrade.
func TestRefreshTokenForm(t *testing.T) {
	got := MintRefresh(bytes.Repeat([]byte{1}, 32), "ses_01ARZ3NDEKTSV4RRFFQ69G5FAV", 7)
	const want = "ghr_AVY-OrXT1nZMYe-5kwK9WwAAAAcb3MojlTca8dNigms89_EZqpg8yStZJDtNyubh_x0Dhw"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRefreshOfOtherSessionOrGenerationDoesNotVerify(t *testing.T) {
	key, session := NewRefreshKey(), id.New(id.Session)
	text := MintRefresh(key, session, 4)
	for _, r := range []Refresh{{session, 5}, {id.New(id.Session), 4}, {}, {session, -1}, {id.New(id.User), 4}} {
		if r.Verify(key, text) {
			t.Errorf("%+v verifies the token of generation 4", r)
		}
	}
}

func TestParseRefreshTakesOnlyTheCanonicalForm(t *testing.T) {
	good := MintRefresh(NewRefreshKey(), id.New(id.Session), 1)
	body := strings.TrimPrefix(good, "ghr_")
	spare := good[:len(good)-1] + string(base64Next(good[len(good)-1]))
	for name, text := range map[string]string{
		"empty": "", "prefix only": "ghr_", "no prefix": body, "other prefix": "gho_" + body, "prefix in capitals": "GHR_" + body,
		"shorter": good[:len(good)-1], "longer": good + "A", "padded": good + "==", "padding for two": good[:len(good)-2] + "==",
		"line end within": good[:20] + "\n" + good[21:], "line end behind": good + "\n", "space before": " " + good,
		"standard alphabet": good[:20] + "+" + good[21:], "spare bits set": spare, "one-time secret": NewSecret(),
	} {
		if r, err := ParseRefresh(text); !errors.Is(err, fault.ErrInvalidToken) || r != (Refresh{}) {
			t.Errorf("%s: ParseRefresh = %+v, %v", name, r, err)
		} else if len(text) > 8 && strings.Contains(err.Error(), text[:8]) {
			t.Errorf("%s: the error shows the token", name)
		}
	}
}

// base64Next is the next character of the alphabet: as the last one of a token, it differs in its spare bits.
func base64Next(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, c)+1]
}

func TestMintRefreshPanicsOnMistakes(t *testing.T) {
	key, session := NewRefreshKey(), id.New(id.Session)
	for name, mint := range map[string]func(){
		"key":        func() { MintRefresh(key[1:], session, 1) },
		"session":    func() { MintRefresh(key, "ses_", 1) },
		"generation": func() { MintRefresh(key, session, math.MaxUint32+1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			mint()
		}()
	}
}

func TestSecrets(t *testing.T) {
	a, b := NewSecret(), NewSecret()
	if a == b || !IsSecret(a) || !IsSecret(b) {
		t.Fatalf("new secrets are equal or not recognised")
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(a, "gho_"))
	if err != nil || len(raw) != 32 {
		t.Errorf("secret holds %d bytes, %v", len(raw), err)
	}
	for _, text := range []string{"", "gho_", a[:len(a)-1], a + "A", a + "=", "ghr_" + a[4:], a[:10] + "\n" + a[11:]} {
		if IsSecret(text) {
			t.Errorf("%q has not the form of a secret", text)
		}
	}
}

func FuzzParseRefresh(f *testing.F) {
	key := bytes.Repeat([]byte{1}, 32)
	good := MintRefresh(key, id.New(id.Session), 3)
	f.Add(good)
	f.Add("ghr_")
	f.Add(strings.Repeat("A", 74))
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRefresh(text)
		if err != nil {
			if !errors.Is(err, fault.ErrInvalidToken) {
				t.Fatalf("unclassified: %v", err)
			}
			return
		}
		again, err := ParseRefresh(MintRefresh(key, r.SessionID, r.Generation))
		if err != nil || again != r {
			t.Fatalf("%+v comes back as %+v, %v", r, again, err)
		}
		raw, _ := base64.RawURLEncoding.DecodeString(text[4:])
		if refreshPrefix+base64.RawURLEncoding.EncodeToString(raw) != text {
			t.Fatalf("not canonical: %q", text)
		}
	})
}
