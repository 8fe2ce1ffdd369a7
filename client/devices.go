package client

import (
	"cmp"
	"slices"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// devices is the local copy of the devices feed.
type devices struct {
	synced bool // false: wait for a snapshot
	seq    int64
	list   []wire.Session
}

func (d *devices) snapshot(f wire.DevicesSnapshot) {
	*d = devices{synced: true, seq: f.Seq, list: f.Devices}
}

// apply takes one change. It is false when the change was not taken, as it does not follow what is known; then gap
// says whether that is news.
func (d *devices) apply(f wire.DevicesChanged) (ok, gap bool) {
	if !d.synced {
		return false, false
	}
	if f.Seq != d.seq+1 {
		d.synced = false
		return false, true
	}
	d.seq = f.Seq
	d.list = slices.DeleteFunc(d.list, func(s wire.Session) bool { return s.ID == f.Device.ID })
	if f.Change != wire.ChangeRemoved {
		d.list = append(d.list, f.Device)
	}
	slices.SortStableFunc(d.list, byPlace)
	return true, false
}

// byPlace is the order of the snapshot: the current device, then those online, then the recent ones.
func byPlace(a, b wire.Session) int {
	return cmp.Or(trueFirst(a.Current, b.Current), trueFirst(a.Online, b.Online), b.LastSeenAt.Std().Compare(a.LastSeenAt.Std()))
}

func trueFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
