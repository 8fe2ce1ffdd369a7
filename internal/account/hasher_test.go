package account_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"github.com/gatehouse-dev/gatehouse/internal/account"
)

// foreignArgon is a hash as other programs make it.
func foreignArgon(password string, memory, passes uint32, lanes uint8, length uint32) string {
	salt := []byte("sixteen bytes of")
	key := argon2.IDKey([]byte(password), salt, passes, memory, lanes, length)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", memory, passes, lanes, b64.EncodeToString(salt), b64.EncodeToString(key))
}

func foreignBcrypt(t testing.TB, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(hash)
}

func TestOwnHashIsFreshArgon2idWithASaltOfItsOwn(t *testing.T) {
	h := account.NewHasher(1, 1)
	a, err := h.Hash(t.Context(), "rosenkohl")
	if err != nil || !strings.HasPrefix(a, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("%.40s, %v", a, err)
	}
	if b, _ := h.Hash(t.Context(), "rosenkohl"); a == b {
		t.Error("two hashes with one salt")
	}
	for password, want := range map[string]bool{"rosenkohl": true, "Rosenkohl": false, "rosenkohl ": false, "": false} {
		if ok, stale, err := h.Verify(t.Context(), a, password); ok != want || stale || err != nil {
			t.Errorf("%q: %t, stale %t, %v", password, ok, stale, err)
		}
	}
}

func TestForeignHashesVerifyAndAreStale(t *testing.T) {
	h := account.NewHasher(1, 1)
	for name, hash := range map[string]string{
		"bcrypt":              foreignBcrypt(t, "rosenkohl"),
		"argon2id, less":      foreignArgon("rosenkohl", 64, 1, 1, 32),
		"argon2id, more":      foreignArgon("rosenkohl", 32<<10, 3, 4, 32),
		"argon2id, short key": foreignArgon("rosenkohl", 19<<10, 2, 1, 16),
	} {
		if err := account.CheckHash(hash); err != nil {
			t.Errorf("%s may not be imported: %v", name, err)
		}
		if ok, stale, err := h.Verify(t.Context(), hash, "rosenkohl"); !ok || !stale || err != nil {
			t.Errorf("%s: %t, stale %t, %v", name, ok, stale, err)
		}
		if ok, _, err := h.Verify(t.Context(), hash, "wermut"); ok || err != nil {
			t.Errorf("%s with another password: %t, %v", name, ok, err)
		}
	}
}

func TestHashesThatNobodyShouldComputeAreRefused(t *testing.T) {
	h := account.NewHasher(1, 1)
	good := foreignArgon("x", 64, 1, 1, 32)
	for name, hash := range map[string]string{
		"a gigabyte":         strings.Replace(good, "m=64", "m=1048576", 1),
		"no memory":          strings.Replace(good, "m=64", "m=0", 1),
		"many passes":        strings.Replace(good, "t=1", "t=4000000000", 1),
		"no passes":          strings.Replace(good, "t=1", "t=0", 1),
		"no lanes":           strings.Replace(good, "p=1", "p=0", 1),
		"another version":    strings.Replace(good, "v=19", "v=16", 1),
		"argon2i":            strings.Replace(good, "argon2id", "argon2i", 1),
		"a short key":        good[:len(good)-30],
		"plain text":         "x",
		"bcrypt for a month": "$2a$31$abcdefghijklmnopqrstuuK7QHbk6lYd8NhpuZdDfTaLZbLxzDf6i",
		"bcrypt, cut":        "$2a$04$",
	} {
		if account.CheckHash(hash) == nil {
			t.Errorf("%s may be imported", name)
		}
		if ok, _, err := h.Verify(t.Context(), hash, "x"); ok || err == nil {
			t.Errorf("%s: %t, %v", name, ok, err)
		}
	}
}
