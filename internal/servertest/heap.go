package servertest

import "runtime"

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
