package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/events"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Of the event stream.
const (
	commentEvery  = 15 * time.Second // so that both sides know that the other is there
	streamWrite   = 10 * time.Second // for one write: a service that does not read loses its stream
	streamsPerKey = 50
)

// eventStream streams what happens to another service (text/event-stream). A stream that resumes gets what came since;
// a new one, or one that was away too long, what living access tokens must be checked against, and then ready.
func (a *API) eventStream(w http.ResponseWriter, r *http.Request) {
	c := a.call(w, r)
	key, err := a.service(c)
	if err == nil && a.cfg.Events.Count(key.ID) >= streamsPerKey {
		limited := *errLimited
		limited.RetryAfter = commentEvery
		err = &limited
	}
	if err != nil {
		write(w, a.failed(c, err))
		return
	}
	live := a.cfg.Events.Open(key.ID) // before the past is read, so that nothing falls between
	defer a.cfg.Events.Close(live)
	last, _ := events.ParsePosition(r.Header.Get("Last-Event-ID"))
	past, reset, err := a.cfg.History.Since(r.Context(), last)
	if err != nil {
		write(w, a.failed(c, fault.ErrUnavailable.Because(err)))
		return
	}
	out := &stream{w: w, c: http.NewResponseController(w)}
	out.begin()
	out.past(past, reset)
	a.passOn(r.Context(), c, live, out)
}

// passOn passes on what happens until somebody ends it.
func (a *API) passOn(ctx context.Context, c *call, live *events.Stream, out *stream) {
	tick := time.NewTicker(commentEvery)
	defer tick.Stop()
	for out.err == nil {
		select {
		case e, open := <-live.C:
			if !open {
				return
			}
			out.event(e)
		case <-tick.C:
			if _, err := a.service(c); err != nil { // the key may be gone, also by a call on another node
				return
			}
			out.text(":\n\n")
		case <-ctx.Done():
			return
		}
	}
}

// stream writes server-sent events (HTML standard, section 9.2). After an error it does nothing.
type stream struct {
	w   http.ResponseWriter
	c   *http.ResponseController
	err error
}

func (s *stream) begin() {
	h := s.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // or nginx would keep events back
	s.w.WriteHeader(http.StatusOK)
	_ = s.c.SetReadDeadline(time.Time{}) // the request has been read
}

func (s *stream) past(list []events.Event, reset bool) {
	if reset {
		s.text("event: reset\ndata: {}\n\n")
	}
	for _, e := range list {
		s.event(e)
	}
	s.text("event: ready\ndata: {}\n\n")
}

func (s *stream) event(e events.Event) {
	data, err := json.Marshal(e.Body)
	if err != nil {
		s.err = err
		return
	}
	id := ""
	if e.Position != "" {
		id = "id: " + e.Position + "\n"
	}
	s.text(fmt.Sprintf("%sevent: %s\ndata: %s\n\n", id, e.Type, data))
}

func (s *stream) text(text string) {
	if s.err != nil {
		return
	}
	_ = s.c.SetWriteDeadline(time.Now().Add(streamWrite))
	if _, s.err = s.w.Write([]byte(text)); s.err == nil {
		s.err = s.c.Flush()
	}
}
