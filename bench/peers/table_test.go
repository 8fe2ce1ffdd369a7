package main

import (
	"strings"
	"testing"
)

// Least is best in one row and most in another, and the strictest bar counts.
func TestTableSaysWhatIsHeld(t *testing.T) {
	r := results{}
	r.add(nameGatehouse, figures{"memory": 3, "handshake-rate": 90, "idle-redis": 4})
	r.add(nameGatehouse, figures{"memory": 1, "handshake-rate": 110, "idle-redis": 4})
	r.add(nameGatehouse, figures{"memory": 5})
	r.add(nameCentrifugo, figures{"memory": 6, "handshake-rate": 50, "idle-redis": 800})
	r.add(nameSocketIO, figures{"memory": 2, "handshake-rate": 200, "idle-redis": 0})
	var out strings.Builder
	r.write(&out)
	for _, want := range []string{
		"| memory of an idle socket, KiB | 3.00 (1.00–5.00) | 6.00 | 2.00 | 0.50 | 1.50 | ≤ 1.20 | **no** | – |",
		"| handshakes, /s | 100 (90.0–110) | 50.0 | 200 | 2.00 | 0.50 | ≥ 80.0 | yes | – |",
		"| commands of Redis while sockets are idle, /s | 4.00 (4.00–4.00) | 800 | 0.000 | 0.01 | – | ≤ 5.00 | yes | – |",
	} {
		if !strings.Contains(out.String(), want+"\n") {
			t.Errorf("no line %s in\n%s", want, out.String())
		}
	}
	if n := strings.Count(out.String(), "\n"); n != 5 {
		t.Errorf("%d lines", n)
	}
}

func TestAWrongWishIsRefused(t *testing.T) {
	for _, args := range [][]string{{"-only", "memry"}, {"-contenders", "gatehouse,nobody"}, {"-runs", "0"}, {"-joins", "0"}, {"more"}} {
		if _, err := read(args); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
	if _, err := read([]string{"-only", "memory,handshake", "-contenders", "gatehouse-sqlite,socketio"}); err != nil {
		t.Error(err)
	}
}
