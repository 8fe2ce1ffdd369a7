package clustertest

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/cluster"
)

func hint(i int) cluster.Hint {
	return cluster.Hint{Kind: cluster.KindSession, UserID: "usr_1", SessionID: fmt.Sprint("ses_", i), Body: json.RawMessage(`{"a":1}`)}
}

func publish(t *testing.T, n *node, i int) {
	t.Helper()
	if err := n.Publish(t.Context(), hint(i)); err != nil {
		t.Fatalf("publish: %v", err)
	}
}

func ownSubscriberFirst(t *testing.T, nodes []*node) {
	publish(t, nodes[0], 1)
	select {
	case got := <-nodes[0].hints:
		if fmt.Sprint(got) != fmt.Sprint(hint(1)) {
			t.Errorf("hint %+v, want %+v", got, hint(1))
		}
	default:
		t.Fatal("Publish returned before the own subscriber had the hint")
	}
}

func hintsInOrder(t *testing.T, nodes []*node) {
	for i := range 100 {
		publish(t, nodes[0], i)
	}
	for i := range 100 {
		if got := <-nodes[0].hints; got.SessionID != hint(i).SessionID {
			t.Fatalf("hint %s at place %d", got.SessionID, i)
		}
	}
}

func hintsReachOthers(t *testing.T, nodes []*node) {
	for i := range 100 {
		publish(t, nodes[0], i)
	}
	for i := range 100 {
		if got := nodes[1].hint(t); fmt.Sprint(got) != fmt.Sprint(hint(i)) {
			t.Fatalf("place %d: hint %+v", i, got)
		}
	}
	if n := len(nodes[0].hints); n != 100 {
		t.Errorf("the publisher had %d hints, want each once", n)
	}
}

// messagesFindUser: what is for a user's sockets reaches the node where he is.
func messagesFindUser(t *testing.T, nodes []*node) {
	nodes[1].Report("usr_1", "ses_a", 1)
	nodes[1].want(t, "usr_1", "ses_a", online(1))
	for _, kind := range []string{cluster.KindMessage, cluster.KindRenewed} {
		if err := nodes[0].Publish(t.Context(), cluster.Hint{Kind: kind, UserID: "usr_1"}); err != nil {
			t.Fatalf("publish: %v", err)
		}
		if got := nodes[1].hint(t); got.Kind != kind || got.UserID != "usr_1" {
			t.Errorf("hint %+v, want %s", got, kind)
		}
	}
}

// send sends to usr_1 and demands how many connections that says.
func send(t *testing.T, n *node, want int) {
	t.Helper()
	got, err := n.Send(t.Context(), cluster.Hint{Kind: cluster.KindMessage, UserID: "usr_1", SessionID: "ses_a", Body: json.RawMessage(`{}`)})
	if err != nil || got != want {
		t.Errorf("sent to %d connections, %v; want %d", got, err, want)
	}
}

// sendingCounts: of all sessions, those in their grace too, and of nobody else; and the own subscriber has it first.
func sendingCounts(t *testing.T, nodes []*node) {
	n := nodes[0]
	send(t, n, 0)
	n.Report("usr_1", "ses_a", 2)
	n.Report("usr_1", "ses_b", 1)
	n.Report("usr_1", "ses_c", 1)
	n.Report("usr_1", "ses_c", 0)
	n.Report("usr_2", "ses_d", 5)
	send(t, n, 3)
	if len(n.hints) != 2 {
		t.Errorf("the own subscriber had %d hints of 2", len(n.hints))
	}
}

func sendingCountsAll(t *testing.T, nodes []*node) {
	threeOverTwo(t, nodes)
	for _, n := range nodes {
		send(t, n, 3)
	}
	for range 2 {
		if got := nodes[1].hint(t); got.SessionID != "ses_a" || string(got.Body) != `{}` {
			t.Errorf("hint %+v", got)
		}
	}
}
