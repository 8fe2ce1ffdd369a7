package wire

import "cmp"

// ByInterest orders a list of sessions as people look at it: the current one first, then those online, then those
// seen last.
func ByInterest(a, b Session) int {
	return cmp.Or(
		before(a.Current, b.Current),
		before(a.Online, b.Online),
		b.LastSeenAt.Std().Compare(a.LastSeenAt.Std()),
		cmp.Compare(b.ID, a.ID),
	)
}

func before(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
