package clientaddr

import (
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"
)

func TestUndeclaredProxies(t *testing.T) {
	type visit struct {
		peer      string
		forwarded bool
	}
	many := func(v ...visit) (out []visit) {
		for range certain {
			out = append(out, v...)
		}
		return out
	}
	trusted := Resolver{Trusted: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}}
	for name, c := range map[string]struct {
		visits []visit
		want   string
	}{
		"all from one private address that names others": {many(visit{"10.0.0.5:1", true}), "10.0.0.5"},
		"the same on loopback":                           {many(visit{"[::1]:1", true}), "::1"},
		"beside it the machine itself":                   {many(visit{"127.0.0.1:1", true}, visit{"127.0.0.1:2", false}), "127.0.0.1"},
		"nobody is named":                                {many(visit{"10.0.0.5:1", false}), ""},
		"a public address is somebody's own":             {many(visit{"203.0.113.5:1", true}), ""},
		"it is declared":                                 {many(visit{"10.9.0.5:1", true}), ""},
		"others come directly":                           {many(visit{"10.0.0.5:1", true}, visit{"203.0.113.5:1", false}), ""},
		"there are two of them":                          {many(visit{"10.0.0.5:1", true}, visit{"10.0.0.6:1", true}), ""},
		"too few":                                        {many(visit{"10.0.0.5:1", true})[1:], ""},
	} {
		t.Run(name, func(t *testing.T) {
			var u Undeclared
			now, got, said := time.Now(), "", 0
			for _, v := range c.visits {
				r := httptest.NewRequest("GET", "/", nil)
				r.RemoteAddr = v.peer
				if v.forwarded {
					r.Header.Set("X-Forwarded-For", "198.51.100.7")
				}
				if proxy, say := u.See(trusted, r, now); say {
					got, said = proxy.String(), said+1
				}
			}
			if got != c.want || said > 1 || u.Certain(now) != (c.want != "") {
				t.Errorf("named %q, %d times; want %q", got, said, c.want)
			}
		})
	}
}
