package seal

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

var (
	secretA = bytes.Repeat([]byte{'A'}, SecretSize)
	secretB = bytes.Repeat([]byte{'B'}, SecretSize)
)

func newBox(t *testing.T, current, previous []byte) *Box {
	t.Helper()
	box, err := New(current, previous)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func TestNewRefusesOtherLengths(t *testing.T) {
	for _, pair := range [][2][]byte{{nil, nil}, {secretA[:31], nil}, {secretA, secretB[:16]}, {secretA, {}}} {
		if _, err := New(pair[0], pair[1]); err == nil {
			t.Errorf("New accepted lengths %d and %d", len(pair[0]), len(pair[1]))
		}
	}
}

func TestOpenNeedsSamePurposeAndData(t *testing.T) {
	box := newBox(t, secretA, nil)
	sealed := box.Seal("totp", []byte("seed"), []byte("usr_1"))
	if got, err := box.Open("totp", sealed, []byte("usr_1")); err != nil || string(got) != "seed" {
		t.Fatalf("Open = %q, %v", got, err)
	}
	if bytes.Equal(sealed, box.Seal("totp", []byte("seed"), []byte("usr_1"))) {
		t.Error("two seals of the same value are equal")
	}
	for name, open := range map[string]func() ([]byte, error){
		"purpose": func() ([]byte, error) { return box.Open("keyset", sealed, []byte("usr_1")) },
		"aad":     func() ([]byte, error) { return box.Open("totp", sealed, []byte("usr_2")) },
		"secret":  func() ([]byte, error) { return newBox(t, secretB, nil).Open("totp", sealed, []byte("usr_1")) },
	} {
		if got, err := open(); !errors.Is(err, ErrOpen) || !errors.Is(err, fault.ErrUnavailable) || got != nil {
			t.Errorf("other %s: Open = %q, %v", name, got, err)
		}
	}
}

func TestOpenRefusesEveryChangedByteAndLength(t *testing.T) {
	box := newBox(t, secretA, secretB)
	sealed := box.Seal("p", []byte("value"), nil)
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := box.Open("p", changed, nil); !errors.Is(err, ErrOpen) {
			t.Errorf("byte %d changed: %v", i, err)
		}
		if _, err := box.Open("p", sealed[:i], nil); !errors.Is(err, ErrOpen) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
}

func TestChangeOfSecret(t *testing.T) {
	before := newBox(t, secretA, nil)
	after := newBox(t, secretB, secretA)
	sealed, mac := before.Seal("p", []byte("value"), nil), before.MAC("p", []byte("data"))

	if got, err := after.Open("p", sealed, nil); err != nil || string(got) != "value" {
		t.Fatalf("Open with the previous secret = %q, %v", got, err)
	}
	if before.NeedsReseal(sealed) || !after.NeedsReseal(sealed) || after.NeedsReseal(after.Seal("p", nil, nil)) {
		t.Error("NeedsReseal does not follow the current secret")
	}
	macs := after.MACs("p", []byte("data"))
	if len(macs) != 2 || !bytes.Equal(macs[0], after.MAC("p", []byte("data"))) || !bytes.Equal(macs[1], mac) {
		t.Error("MACs are not those of the current and the previous secret")
	}
	if len(before.MACs("p", nil)) != 1 || len(newBox(t, secretA, secretA).MACs("p", nil)) != 1 {
		t.Error("one secret gives more than one MAC")
	}
	if bytes.Equal(before.MAC("q", []byte("data")), mac) {
		t.Error("MACs of two purposes are equal")
	}
}

func TestPrintingShowsNoKey(t *testing.T) {
	box := newBox(t, secretA, secretB)
	for _, text := range []string{fmt.Sprintf("%v", box), fmt.Sprintf("%+v", *box), fmt.Sprintf("%#v", box)} {
		for _, leak := range []string{"AAAA", "65 65", "0x41, 0x41"} {
			if bytes.Contains([]byte(text), []byte(leak)) {
				t.Errorf("printed box shows its secret: %s", text)
			}
		}
	}
}
