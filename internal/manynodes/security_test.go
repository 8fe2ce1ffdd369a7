package manynodes

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

func TestThreat06_OneRefreshTokenOnTwoNodesStepsOnce(t *testing.T) {
	s := open(t)
	n := s.nodes(2)
	for round, x := range s.seed(5, 1) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		successors := map[string]int{}
		for i := range 50 {
			wg.Go(func() {
				in, no := n[i%2].refresh(x.RefreshToken)
				mu.Lock()
				defer mu.Unlock()
				successors[in.RefreshToken+no.Code]++
			})
		}
		wg.Wait()
		if len(successors) != 1 {
			t.Fatalf("round %d: %s", round, fmt.Sprint(successors))
		}
		for token := range successors {
			if _, no := n[round%2].refresh(token); no.Code != "" {
				t.Fatalf("round %d: the successor is refused: %+v", round, no)
			}
		}
	}
}

func TestThreat09_ATokenIsDeadOnEveryNodeAfterSignOut(t *testing.T) {
	s := open(t)
	n := s.nodes(2)
	for i, x := range s.seed(4, 1) {
		if i == 2 {
			s.redis.Kill() // also then
		}
		if no := call(t, "GET", n[1].URL+"/auth/me", x.AccessToken, nil, nil); no.Code != "" {
			t.Fatalf("before: %+v", no)
		}
		if no := call(t, "POST", n[0].URL+"/auth/logout", x.AccessToken, nil, nil); no.Code != "" {
			t.Fatalf("sign-out: %+v", no)
		}
		if no := call(t, "GET", n[0].URL+"/auth/me", x.AccessToken, nil, nil); no.Code != "session_revoked" {
			t.Errorf("on the node that took it: %+v", no)
		}
		servertest.Within(t, 2*time.Second, "the token is dead on the other node", func() bool {
			return call(t, "GET", n[1].URL+"/auth/me", x.AccessToken, nil, nil).Code == "session_revoked"
		})
	}
}
