package staff

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestNameIsReadOnceASecond(t *testing.T) {
	var n names
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	reads := 0
	read := func() (string, error) {
		reads++
		return fmt.Sprint("Ada ", reads), nil
	}
	for _, step := range []struct {
		at   time.Duration
		want string
	}{
		{0, "Ada 1"}, {nameLives - 1, "Ada 1"}, {nameLives, "Ada 2"}, {nameLives + 1, "Ada 2"},
		{0, "Ada 3"}, // a clock that was put back
	} {
		if got := n.of("usr_a", start.Add(step.at), read); got != step.want {
			t.Errorf("after %v: %q, want %q", step.at, got, step.want)
		}
	}
	if got := n.of("usr_b", start, func() (string, error) { return "", errors.New("down") }); got != "" {
		t.Errorf("of somebody who cannot be read: %q", got)
	}
	for i := range 3 * mostNames {
		n.of(fmt.Sprint("usr_", i), start, read)
	}
	if len(n.known) > mostNames {
		t.Errorf("%d names are kept", len(n.known))
	}
}
