package bench

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

// dialAll opens a socket for each session.
func dialAll(b *testing.B, s *site, sessions []seeded) []*servertest.Socket {
	b.Helper()
	sockets := make([]*servertest.Socket, len(sessions))
	b.Cleanup(func() {
		for _, k := range sockets {
			if k != nil {
				k.Cut()
			}
		}
	})
	spread(b, len(sessions), func(_, i int) (err error) {
		sockets[i], err = servertest.Dial(s.URL, sessions[i].AccessToken)
		return err
	})
	return sockets
}
