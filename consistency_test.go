package gatehouse_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// TestEveryWatcherEndsWithTheTruth lets 50 devices of five users connect, leave, refresh, rename and end each other at
// random. Then what each watcher's feed told it, frame by frame, must be what HTTP lists.
func TestEveryWatcherEndsWithTheTruth(t *testing.T) {
	t.Parallel()
	const users, each, turns = 5, 10, 40
	l := openLab(t, "--presence-grace=200ms")
	devices := l.seed(users, each)
	var all sync.WaitGroup
	var ids []string
	for _, d := range devices {
		ids = append(ids, d.session.ID)
	}
	actors := make([]*actor, len(devices))
	for i, d := range devices {
		first := i - i%each
		a := &actor{device: d, mates: ids[first : first+each], rng: rand.New(rand.NewPCG(uint64(i), 0))}
		actors[i] = a
		all.Go(func() {
			for n := range turns {
				if err := a.turn(n); err != nil {
					t.Errorf("device %d, turn %d: %v", i, n, err)
					return
				}
			}
			if !a.gone() && a.socket == nil {
				a.err = a.connect()
			}
		})
	}
	all.Wait()
	alive := 0
	for i, a := range actors {
		if a.err != nil {
			t.Errorf("device %d: %v", i, a.err)
		}
		if got, err := a.call("GET", "/auth/me", a.access, nil); err != nil || got.status != http.StatusOK {
			continue // ended: the socket may not have heard yet
		}
		alive++
		var told, truth map[string]wire.Session
		eventually(t, fmt.Sprintf("device %d was told the truth", i), func() bool {
			told, truth = a.socket.replay(), a.devices()
			return same(told, truth)
		})
	}
	t.Logf("%d of %d devices are left", alive, len(devices))
	if alive < users {
		t.Error("too few are left to tell anything")
	}
}

// same compares what the feed promises to tell: all but the times that move by mere use.
func same(told, truth map[string]wire.Session) bool {
	still := func(s wire.Session) wire.Session {
		s.LastSeenAt, s.ExpiresAt = wire.Time{}, wire.Time{}
		return s
	}
	return maps.EqualFunc(told, truth, func(a, b wire.Session) bool { return reflect.DeepEqual(still(a), still(b)) })
}

// actor is one device that does things at random.
type actor struct {
	*device
	mates  []string // session ids of its user's devices, its own too
	rng    *rand.Rand
	socket *socket // watches; nil while there is none
	over   bool    // its session ended
	err    error
}

func (a *actor) turn(n int) error {
	if a.gone() {
		return nil
	}
	switch p := a.rng.IntN(100); {
	case a.socket == nil:
		return a.connect()
	case p < 20:
		return a.leave()
	case p < 50:
		return a.renew()
	case p < 97:
		return a.touch("PATCH", object{"name": fmt.Sprint("Name ", n)})
	default:
		return a.touch("DELETE", nil)
	}
}

// gone tells whether the session ended. A socket that closed otherwise is to be opened again.
func (a *actor) gone() bool {
	if a.socket != nil {
		a.socket.mu.Lock()
		ended, code := a.socket.ended, a.socket.code
		a.socket.mu.Unlock()
		if ended {
			a.socket, a.over = nil, a.over || code.Final()
		}
	}
	return a.over
}

func (a *actor) connect() error {
	s, _, err := a.tryDial(wire.BearerPrefix+a.access, nil)
	if err != nil {
		return err
	}
	a.socket = s
	s.send(object{"type": wire.TypeSubscribe, "feed": wire.FeedDevices})
	return nil
}

// leave goes as browsers go, or as networks do.
func (a *actor) leave() error {
	if a.rng.IntN(2) == 0 {
		a.socket.ws.Close(websocket.StatusGoingAway, "")
	} else {
		a.socket.ws.CloseNow()
	}
	code, ended := a.socket.over()
	if !ended {
		return fmt.Errorf("a closed socket is open")
	}
	a.over = code.Final()
	a.socket = nil
	return nil
}

func (a *actor) renew() error {
	got, err := a.call("POST", "/auth/refresh", "", object{"refresh_token": a.refreshToken})
	if err != nil || got.status != http.StatusOK {
		return a.excuse(got, err)
	}
	var in signIn
	if err := json.Unmarshal(got.body, &in); err != nil {
		return err
	}
	a.take(in)
	a.socket.send(object{"type": wire.TypeAuth, "token": a.access})
	return nil
}

// touch renames or ends one of the user's devices.
func (a *actor) touch(method string, body any) error {
	target := a.mates[a.rng.IntN(len(a.mates))]
	got, err := a.call(method, "/auth/sessions/"+target, a.access, body)
	if err != nil || got.status >= 300 {
		return a.excuse(got, err)
	}
	return nil
}

// excuse accepts what an ended session explains: one's own, or the one that was to be touched.
func (a *actor) excuse(got answer, err error) error {
	if err == nil && slices.Contains([]string{"session_revoked", "not_found"}, got.Code) {
		a.over = a.over || got.Code == "session_revoked"
		return nil
	}
	return fmt.Errorf("%v %v", got, err)
}
