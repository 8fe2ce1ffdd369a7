package sqlite

import (
	"slices"
	"strings"
)

// where is conditions and their parameters.
type where struct {
	conditions []string
	args       []any
}

func (w *where) and(condition string, args ...any) {
	w.conditions = append(w.conditions, condition)
	w.args = append(w.args, args...)
}

func (w where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// all adds what o asks.
func (w *where) all(o where) {
	w.conditions = append(w.conditions, o.conditions...)
	w.args = append(w.args, o.args...)
}

// equal adds a condition unless value is "".
func (w *where) equal(column, value string) {
	if value != "" {
		w.and(column+` = ?`, value)
	}
}

// either adds that one of the two holds, each as a whole.
func (w *where) either(a, b where) {
	join := func(c where) string { return strings.Join(c.conditions, " AND ") }
	w.and(`(`+join(a)+` OR `+join(b)+`)`, append(slices.Clone(a.args), b.args...)...)
}
