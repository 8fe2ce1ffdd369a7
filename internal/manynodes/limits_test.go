package manynodes

import (
	"net/http"
	"testing"
)

// attempts signs in wrongly at the nodes in turn, and returns how often that was let through until it was limited.
func (s *site) attempts(email string, nodes ...*node) (let int) {
	s.t.Helper()
	for ; let < 20; let++ {
		body := map[string]string{"email": email, "password": "a wrong guess", "transport": "body"}
		no := call(s.t, "POST", nodes[let%len(nodes)].URL+"/auth/login", "", body, nil)
		switch no.Status {
		case http.StatusTooManyRequests:
			return let
		case http.StatusUnauthorized:
		default:
			s.t.Fatalf("attempt %d: %+v", let+1, no)
		}
	}
	return let
}

// TestLimitsHoldOverNodesAndOutliveRedis: guesses spread over two nodes are no more than at one. When Redis dies, each
// node goes on by what it counted itself: it does not open, and others are not locked out.
func TestLimitsHoldOverNodesAndOutliveRedis(t *testing.T) {
	s := open(t)
	n := s.nodes(2, "--rate-limits=on")
	const burst = 5 // sign-ins per account
	if let := s.attempts("victim@example.com", n...); let != burst {
		t.Fatalf("two nodes let %d guesses through, want %d", let, burst)
	}
	if let := s.attempts("victim@example.com", n[1]) + s.attempts("victim@example.com", n[0]); let != 0 {
		t.Fatalf("%d more were let through", let)
	}
	s.redis.Kill()
	alone := s.attempts("victim@example.com", n[0]) + s.attempts("victim@example.com", n[1])
	if alone > burst {
		t.Errorf("without Redis %d more guesses were let through: each node forgot its own", alone)
	}
	if let := s.attempts("somebody@example.com", n[0]); let != burst {
		t.Errorf("without Redis a node lets %d guesses at another account through, want %d", let, burst)
	}
}
