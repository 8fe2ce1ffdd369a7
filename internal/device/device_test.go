package device

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		agent, browser, os, kind, name string
	}{
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0", "Firefox", "Windows", Desktop, "Firefox on Windows"},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", "Chrome", "macOS", Desktop, "Chrome on macOS"},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15", "Safari", "macOS", Desktop, "Safari on macOS"},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0", "Edge", "Windows", Desktop, "Edge on Windows"},
		{"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0", "Firefox", "Linux", Desktop, "Firefox on Linux"},
		{"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", "Chrome", "ChromeOS", Desktop, "Chrome on ChromeOS"},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1", "Safari", "iOS", Phone, "Safari on iOS"},
		{"Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1", "Safari", "iOS", Tablet, "Safari on iOS"},
		{"Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36", "Chrome", "Android", Phone, "Chrome on Android"},
		{"Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", "Chrome", "Android", Tablet, "Chrome on Android"},
		{"Mozilla/5.0 (Android 14; Mobile; rv:143.0) Gecko/143.0 Firefox/143.0", "Firefox", "Android", Phone, "Firefox on Android"},
		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot", "", Bot, "Googlebot"},
		{"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "Bingbot", "", Bot, "Bingbot"},
		{"curl/8.9.1", "curl", "", CLI, "curl"},
		{"Wget/1.21.4", "Wget", "", CLI, "Wget"},
		{"Go-http-client/2.0", "Go", "", CLI, "Go"},
		{"gatehouse/1.0.0", "gatehouse CLI", "", CLI, "gatehouse CLI"},
		{"gatehouse", "gatehouse CLI", "", CLI, "gatehouse CLI"},
		{"gatehouse/1.0.0 (Linux; amd64)", "gatehouse CLI", "Linux", CLI, "gatehouse CLI on Linux"},
		{"python-requests/2.32.3", "Python", "", CLI, "Python"},
		{"node", "Node.js", "", CLI, "Node.js"},
		{"SomeApp/1.0", "SomeApp", "", Unknown, "SomeApp"},
		{"", "", "", Unknown, "Unknown device"},
		{"\x00\x1b\r\n", "", "", Unknown, "Unknown device"},
	} {
		got := Parse(c.agent)
		if want := (wire.Device{Browser: c.browser, OS: c.os, Kind: c.kind}); got != want {
			t.Errorf("Parse(%q) = %+v, want %+v", c.agent, got, want)
		}
		if name := Name(got); name != c.name {
			t.Errorf("Name for %q = %q, want %q", c.agent, name, c.name)
		}
	}
}

func FuzzNameIsValid(f *testing.F) {
	f.Add("Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/140", "Windows")
	f.Add(strings.Repeat("é", 400), strings.Repeat("x", 90))
	f.Add("x\x00\u202e\xff/1", "\n")
	f.Add(strings.Repeat("a", 511)+"é", " ")
	f.Fuzz(func(t *testing.T, agent, os string) {
		d := Parse(agent)
		for _, d := range []wire.Device{d, {Browser: agent, OS: os}} {
			name := Name(d)
			n := utf8.RuneCountInString(name)
			if n < 1 || n > 64 || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
				t.Errorf("Name(%+v) = %q", d, name)
			}
		}
		if len([]rune(d.Browser)) > maxBrowser || strings.ContainsFunc(d.Browser, unicode.IsControl) {
			t.Errorf("Parse(%q).Browser = %q", agent, d.Browser)
		}
	})
}
