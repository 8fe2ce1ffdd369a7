package hub

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

func TestMessageToMyOtherDevices(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p, other := l.signIn("usr_1"), l.signIn("usr_1")
		sender, tab := l.connect(p), l.connect(p)
		others := []*client{l.connect(other), l.connect(other), l.connect(l.signIn("usr_1"))}
		stranger := l.connect(l.signIn("usr_2"))
		data := `{"song":"ü <&> \u2028","at":12.50,"list":[1,2]}`
		if f := sender.ask(`{"type":"message","to":"devices","name":"play","data":` + data + `}`); f.Type != "ack" {
			t.Error(f.raw)
		}
		for _, c := range others {
			f := c.one("message")
			if f.Name != "play" || string(f.Data) != data || f.From.UserID != "usr_1" || f.From.SessionID != p.SessionID || !strings.Contains(f.raw, `"at":"`) {
				t.Error(f.raw)
			}
		}
		for _, c := range []*client{sender, tab, stranger} {
			c.none("message") // tabs of mine are not other devices
		}
	})
}

func TestMessageToAUser(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		target := newUser()
		c := l.connect(l.signIn(target))
		bystander := l.connect(l.signIn("usr_1"))
		write := `{"type":"message","to":{"user_id":"` + target + `"},"name":"x"}`
		for _, roles := range [][]string{nil, {"moderator"}} {
			if f := l.connect(l.signIn("usr_2", roles...)).ask(write); f.Code != "forbidden" {
				t.Errorf("%v: %s", roles, f.raw)
			}
		}
		c.none("message")
		admin := l.signIn(target, "admin")
		if f := l.connect(admin).ask(write); f.Type != "ack" {
			t.Error(f.raw)
		}
		if f := c.one("message"); f.From.SessionID != admin.SessionID || string(f.Data) != "null" {
			t.Error(f.raw)
		}
		bystander.none("message")
	})
}

func TestMessageMalformed(t *testing.T) {
	inTime(t, Limits{FrameBurst: 100}, func(t *testing.T, l *lab) {
		c := l.connect(l.signIn("usr_1", "admin"))
		for _, members := range []string{
			`"to":"devices"`, `"to":"everybody","name":"x"`, `"name":"x"`, `"to":7,"name":"x"`, `"to":null,"name":"x"`,
			`"to":{},"name":"x"`, `"to":{"user_id":7},"name":"x"`, `"to":{"user_id":"usr_short"},"name":"x"`,
			`"to":{"user_id":"ses_01ARZ3NDEKTSV4RRFFQ69G5FAV"},"name":"x"`, `"to":["devices"],"name":"x"`,
			`"to":"devices","name":""`, `"to":"devices","name":7`, `"to":"devices","name":null`, `"to":"devices","name":"a\nb"`,
			`"to":"devices","name":"a\u0085b"`,
		} {
			if f := c.ask(`{"type":"message",` + members + `}`); f.Code != "invalid_request" {
				t.Errorf("%s: %s", members, f.raw)
			}
		}
		c.works()
	})
}

// Sizes are those of the compact encoding, in bytes, and of names in code points.
func TestMessageSizes(t *testing.T) {
	inTime(t, Limits{FrameBurst: 100}, func(t *testing.T, l *lab) {
		c, other := l.connect(l.signIn("usr_1")), l.connect(l.signIn("usr_1"))
		x := strings.Repeat
		for name, test := range map[string]struct{ name, data, code string }{
			"data that fits":      {"x", `"` + x("x", 4094) + `"`, ""},
			"data one too long":   {"x", `"` + x("x", 4095) + `"`, "too_large"},
			"blanks do not count": {"x", `[` + x(" ", 9000) + `1]`, ""},
			"escapes count":       {"x", `"` + x(`\u0041`, 683) + `"`, "too_large"},
			"name that fits":      {x("ü", 64), `1`, ""},
			"name one too long":   {x("ü", 65), `1`, "too_large"},
			"names are only text": {`\"},{\"type\":\"session.ended`, `1`, ""},
		} {
			before := len(other.all("message"))
			f := c.ask(`{"type":"message","to":"devices","name":"` + test.name + `","data":` + test.data + `}`)
			if f.Code != test.code {
				t.Errorf("%s: %s", name, f.raw)
			}
			if came := len(other.all("message")) - before; (came == 1) != (test.code == "") {
				t.Errorf("%s: %d came", name, came)
			}
		}
		other.none("session.ended")
	})
}

func TestMessageThatCannotBeSent(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.connect(l.signIn("usr_1"))
		write := `{"type":"message","to":"devices","name":"x"}`
		l.with(func() { l.lost = errors.New("bus at 10.0.0.7 is down") })
		if f := c.ask(write); f.Code != "unavailable" || strings.Contains(f.raw, "10.0.0.7") {
			t.Error(f.raw)
		}
		l.with(func() { l.lost = &Error{Code: "rate_limited", RetryAfter: 3 * time.Second} })
		if f := c.ask(write); f.Code != "rate_limited" || f.RetryAfter != 3 {
			t.Error(f.raw)
		}
		if !strings.Contains(l.log.String(), "10.0.0.7") {
			t.Error("the trouble is not in the log")
		}
		c.works()
	})
}

func TestDeliverCounts(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		for range 2 {
			l.connect(p)
		}
		l.connect(l.signIn("usr_1"))
		m := wire.Message{Name: "x", Data: []byte(`{"a": 1}`)}
		for want, d := range map[int]Delivery{
			3: parcel("usr_1", m),
			1: {"usr_1", p.SessionID, parcel("usr_1", m).Frame},
			0: parcel("usr_2", m),
		} {
			if n := l.hub.Deliver(d); n != want {
				t.Errorf("%d, want %d", n, want)
			}
		}
		if d, err := NewDelivery("usr_1", "", wire.Message{Name: "x", Data: []byte("{")}); err == nil {
			t.Errorf("what is not JSON was encoded: %s", d.Frame)
		}
	})
}
