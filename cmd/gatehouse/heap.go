package main

import "os"

// floorSize is how much of the heap counts as live beside what is.
const floorSize = 32 << 20

// floor is never written to, so that the system has no pages behind it.
//
//lint:ignore U1000 it is there to be counted
var floor []byte

// layFloor has the collector run less often on a node whose heap is small. It runs when the heap has doubled, and one
// of ten megabytes does that with every two hundredth call; the calls and frames of that moment then wait for a
// processor, milliseconds where there are two. Who has set Go's own variables knows better.
func layFloor() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		floor = make([]byte, floorSize)
	}
}
