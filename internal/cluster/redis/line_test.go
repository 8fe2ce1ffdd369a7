package redis

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/cluster"
	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

func toUser(i int) cluster.Hint {
	return cluster.Hint{Kind: cluster.KindMessage, UserID: "usr_1", SessionID: fmt.Sprint("ses_", i)}
}

// TestLine: hints go by the line, in order, also when there are more than it takes at once, when the server has
// forgotten the script, and after the connection was cut. It is the URL's user and database that it is of.
func TestLine(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	if err := client(t, s.URL()).Do(t.Context(), "ACL", "SETUSER", "gate", "on", ">open-sesame", "~*", "&*", "+@all").Err(); err != nil {
		t.Fatal(err)
	}
	url := "redis://gate:open-sesame@" + s.Addr() + "/3"
	nodes := lab(t, url, 2)
	a, b := nodes[0], nodes[1]
	b.Report("usr_1", "ses_1", 1)
	a.counts("usr_1", "ses_1", 1)
	hasLine := func() { t.Helper(); servertest.Eventually(t, "there is a line", a.out.hasLine) }
	next := 0
	send := func(what string, n int) {
		t.Helper()
		first := next
		for next < first+n {
			if err := a.Publish(t.Context(), toUser(next)); err != nil {
				t.Fatal(err)
			}
			next++
		}
		servertest.Eventually(t, what, func() bool { return b.heard(fmt.Sprint("ses_", next-1)) == 1 })
	}
	hasLine()
	send("one arrives", 1)
	send("many arrive", 2000)

	db := client(t, url)
	if err := db.ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	send("they arrive though the script was forgotten", 20)
	if err := db.ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if n, err := a.Send(t.Context(), toUser(next)); n != 1 || err != nil {
		t.Errorf("sent to %d connections, %v, when the script was forgotten", n, err)
	}
	if err := db.ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	b.Report("usr_1", "ses_1", 2)
	a.counts("usr_1", "ses_1", 2)
	b.Report("usr_1", "ses_1", 1)
	a.counts("usr_1", "ses_1", 1)
	next++
	if lost := a.Stats().LostHints; lost != 0 {
		t.Errorf("%d hints are lost", lost)
	}
	hasLine()
	a.out.mu.Lock()
	local := a.out.line.conn.LocalAddr().String()
	a.out.mu.Unlock()
	_, row, found := strings.Cut(db.ClientList(t.Context()).Val(), " addr="+local+" ")
	if row, _, _ = strings.Cut(row, "\n"); !found || !strings.Contains(row, " db=3 ") || !strings.Contains(row, " user=gate ") {
		t.Errorf("the line is %q", row)
	}
	if err := db.ClientKillByFilter(t.Context(), "ADDR", local).Err(); err != nil {
		t.Fatal(err)
	}
	servertest.Eventually(t, "there is another line", func() bool {
		a.out.mu.Lock()
		defer a.out.mu.Unlock()
		return a.out.line != nil && a.out.line.conn.LocalAddr().String() != local
	})
	send("they arrive by another line", 20)
	if n, err := a.Send(t.Context(), toUser(next)); n != 1 || err != nil {
		t.Errorf("sent to %d connections, %v, by another line", n, err)
	}
	next++
	servertest.Eventually(t, "that arrives too", func() bool { return b.heard(fmt.Sprint("ses_", next-1)) == 1 })

	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.hints) != next {
		t.Errorf("%d hints came of %d", len(b.hints), next)
	}
	for i, h := range b.hints[:2001] {
		if want := fmt.Sprint("ses_", i); h.SessionID != want {
			t.Fatalf("%s came in the place of %s", h.SessionID, want)
		}
	}
}

// TestNobodyWaitsForARedisThatHangs: who publishes does not, although he sends himself; and the line ends.
func TestNobodyWaitsForARedisThatHangs(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	nodes := lab(t, s.URL(), 2)
	a := nodes[0]
	servertest.Eventually(t, "there is a line", a.out.hasLine)
	s.Signal(syscall.SIGSTOP)
	defer s.Signal(syscall.SIGCONT)
	body := []byte(`"` + strings.Repeat("x", 3000) + `"`)
	began := time.Now()
	for i := range 1000 {
		h := toUser(i)
		h.Body = body
		if err := a.Publish(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("a thousand hints took %v", took)
	}
	servertest.Eventually(t, "the line ends", func() bool { return !a.out.hasLine() })
}

// TestHintsTravelWhole: whatever the body, also none.
func TestHintsTravelWhole(t *testing.T) {
	t.Parallel()
	for _, h := range []cluster.Hint{
		{Kind: cluster.KindSession, UserID: "usr_1", SessionID: "ses_1", Body: []byte(`{"a": "b c", "d": [1, 2]}`)},
		{Kind: cluster.KindAudit, Body: []byte(`"evt_1"`)},
		{Kind: cluster.KindMessage, UserID: "usr_1"},
	} {
		text := encode("nod_1", h)
		if origin, got, ok := decode(strings.TrimPrefix(text, "h ")); !ok || origin != "nod_1" || fmt.Sprint(got) != fmt.Sprint(h) {
			t.Errorf("%q was read as %v of %s", text, got, origin)
		}
	}
	for _, text := range []string{"", "nod_1", "nod_1 session usr_1", "nod_1 session usr_1 ses_1"} {
		if _, _, ok := decode(text); ok {
			t.Errorf("%q is no hint", text)
		}
	}
}
