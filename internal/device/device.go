// Package device reads what kind of device a User-Agent speaks of, and names it for the person who owns it.
package device

import (
	"strings"
	"unicode"

	"github.com/mileusna/useragent"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// The kinds of device.
const (
	Desktop = "desktop"
	Phone   = "phone"
	Tablet  = "tablet"
	Bot     = "bot"
	CLI     = "cli"
	Unknown = "unknown"
)

const (
	maxAgent   = 512 // bytes of a User-Agent that are read
	maxBrowser = 40  // code points
	maxName    = 64  // code points of a session's name
)

// tools are programs without a window, by the lower-case product that their User-Agent begins with.
var tools = map[string]string{
	"curl": "curl", "wget": "Wget", "httpie": "HTTPie", "gatehouse": "gatehouse CLI", "go-http-client": "Go",
	"python-requests": "Python", "python-urllib": "Python", "python-httpx": "Python", "aiohttp": "Python",
	"node": "Node.js", "undici": "Node.js", "deno": "Deno", "bun": "Bun", "powershell": "PowerShell",
}

// Parse reads a User-Agent. What it does not tell is empty, and its kind unknown. No member holds control
// characters or is longer than a line.
func Parse(userAgent string) wire.Device {
	if len(userAgent) > maxAgent {
		userAgent = userAgent[:maxAgent]
	}
	userAgent = clean(userAgent, maxAgent)
	if userAgent == "" {
		return wire.Device{Kind: Unknown}
	}
	ua := useragent.Parse(userAgent)
	if tool := tools[product(userAgent)]; tool != "" {
		return wire.Device{Browser: tool, OS: ua.OS, Kind: CLI}
	}
	return wire.Device{Browser: clean(ua.Name, maxBrowser), OS: ua.OS, Kind: kind(ua)}
}

func kind(ua useragent.UserAgent) string {
	switch {
	case ua.Bot:
		return Bot
	case ua.Tablet, androidTablet(ua):
		return Tablet
	case ua.Mobile:
		return Phone
	case ua.Desktop:
		return Desktop
	}
	return Unknown
}

// androidTablet follows the rule that browsers on Android keep: on a phone they say Mobile.
func androidTablet(ua useragent.UserAgent) bool {
	return ua.OS == useragent.Android && strings.HasPrefix(ua.String, "Mozilla/") && !strings.Contains(ua.String, "Mobile")
}

// Name is what a session on the device is called until somebody renames it, such as "Firefox on Windows". It is a
// valid session name whatever d holds.
func Name(d wire.Device) string {
	browser, os := clean(d.Browser, maxBrowser), clean(d.OS, maxName-maxBrowser-len(" on "))
	switch {
	case browser != "" && os != "":
		return browser + " on " + os
	case browser != "" || os != "":
		return browser + os
	}
	return "Unknown device"
}

// product is the lower-case name before the first version or space.
func product(userAgent string) string {
	end := strings.IndexAny(userAgent, "/ ")
	if end < 0 {
		end = len(userAgent)
	}
	return strings.ToLower(userAgent[:end])
}

// clean drops what is no printable text and cuts to at most so many code points.
func clean(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > most {
		s = string(r[:most])
	}
	return strings.TrimSpace(s)
}
