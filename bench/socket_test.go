package bench

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/bench/load"
)

// dialAll opens a socket for each session.
func dialAll(b *testing.B, s *site, sessions []seeded) []*load.Socket {
	b.Helper()
	wants := make([]load.Want, len(sessions))
	for i, x := range sessions {
		wants[i] = load.Want{URL: s.URL, Token: x.AccessToken}
	}
	sockets, err := load.DialAll(load.Gatehouse, wants, workers)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { load.CutAll(sockets) })
	return sockets
}
