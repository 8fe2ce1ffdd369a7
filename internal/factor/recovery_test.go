package factor

import (
	"slices"
	"strings"
	"testing"
)

func TestRecoveryCodesAreHashedAndDiffer(t *testing.T) {
	l := newLab(t)
	u := l.user(true)
	_, codes := l.enrol(u)
	stored := l.read(u.ID).RecoveryCodes
	for _, c := range codes {
		if len(squeeze(c)) != 16 || slices.Contains(stored, c) || strings.Contains(strings.Join(stored, " "), squeeze(c)) {
			t.Errorf("code %q, stored %q", c, stored)
		}
	}
	if slices.Sort(codes); len(slices.Compact(codes)) != codeCount {
		t.Error("two codes are the same")
	}
}

func TestCaseSpacesAndDashesOfARecoveryCodeDoNotMatter(t *testing.T) {
	l := newLab(t)
	u := l.user(true)
	_, codes := l.enrol(u)
	for i, write := range []func(string) string{strings.ToUpper, squeeze, func(c string) string { return " " + strings.ReplaceAll(c, "-", "  ") + " " }} {
		if how, err := l.Check(t.Context(), u.ID, write(codes[i])); err != nil || how != RecoveryCode {
			t.Errorf("%q: %q, %v", write(codes[i]), how, err)
		}
	}
	if left := len(l.read(u.ID).RecoveryCodes); left != codeCount-3 {
		t.Errorf("%d codes left", left)
	}
}

func TestNewRecoveryCodesReplaceTheOld(t *testing.T) {
	l := newLab(t)
	u := l.user(true)
	if _, err := l.NewRecoveryCodes(t.Context(), u.ID); !is(err, ErrNoFactor) {
		t.Errorf("codes without a factor: %v", err)
	}
	_, old := l.enrol(u)
	fresh, err := l.NewRecoveryCodes(t.Context(), u.ID)
	if err != nil || len(fresh) != codeCount {
		t.Fatal(err)
	}
	if err := l.UseRecoveryCode(t.Context(), u.ID, old[0]); !is(err, ErrInvalidCode) {
		t.Errorf("an old code: %v", err)
	}
	if err := l.UseRecoveryCode(t.Context(), u.ID, fresh[9]); err != nil {
		t.Errorf("a new code: %v", err)
	}
}

func TestRecoveryCodesOfOthersAreWrong(t *testing.T) {
	l := newLab(t)
	a, b := l.user(true), l.user(true)
	_, codes := l.enrol(a)
	l.enrol(b)
	if err := l.UseRecoveryCode(t.Context(), b.ID, codes[0]); !is(err, ErrInvalidCode) {
		t.Errorf("another's code: %v", err)
	}
}
