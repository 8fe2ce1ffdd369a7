package servertest

import (
	"runtime"

	"github.com/gatehouse-dev/gatehouse/internal/id"
)

// HeapOfASession is how many bytes of heap what make returns keeps alive for each of many sessions, each of a user of
// its own. Their ids, which are the caller's, do not count.
func HeapOfASession(make func(users, sessions []string) any) float64 {
	const n = 50_000
	var users, sessions []string
	for range n {
		users, sessions = append(users, id.New(id.User)), append(sessions, id.New(id.Session))
	}
	all := HeapOf(func() any { return make(users, sessions) })
	runtime.KeepAlive(users)
	runtime.KeepAlive(sessions)
	return all / n
}

// HeapOf is how many bytes of heap what make returns keeps alive. Tests that measure it run alone: what others make
// meanwhile would count.
func HeapOf(make func() any) float64 {
	before := liveHeap()
	kept := make()
	after := liveHeap()
	runtime.KeepAlive(kept)
	return float64(after) - float64(before)
}

// liveHeap collects twice: what a pool holds goes only with the second time.
func liveHeap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
