// Package doctor examines a configuration and what it names, as whoever runs a Gatehouse would: it says what is wrong,
// and what to do. It changes nothing but that it may make, and remove, an empty file.
package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/config"
)

// Verdict is how something was found.
type Verdict string

// The verdicts.
const (
	OK      Verdict = "ok"
	Warning Verdict = "warning" // it serves, but not as it should
	Problem Verdict = "problem" // it does not serve, or not safely
)

// Finding is one line of a report.
type Finding struct {
	Verdict Verdict `json:"verdict"`
	Check   string  `json:"check"`
	Found   string  `json:"found"`
	Do      string  `json:"do,omitempty"` // what helps
}

// Report is what was found.
type Report []Finding

// Healthy tells whether there is no problem.
func (r Report) Healthy() bool {
	for _, f := range r {
		if f.Verdict == Problem {
			return false
		}
	}
	return true
}

// Print writes a line for each finding: what it is, and behind an arrow what to do.
func (r Report) Print(w io.Writer) error {
	for _, f := range r {
		text := f.Found
		if f.Do != "" {
			text += " → " + f.Do
		}
		text = strings.Join(strings.Fields(text), " ") // errors may have lines
		if _, err := fmt.Fprintf(w, "%-8s %-14s %s\n", f.Verdict, f.Check, text); err != nil {
			return err
		}
	}
	return nil
}

// JSON writes the report as {checks: […]}.
func (r Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(map[string]Report{"checks": r})
}

// patience is how long one thing outside may take.
const patience = 5 * time.Second

// How far clocks may be apart before it is said, and before tokens of one node are refused by another.
const (
	apart    = 2 * time.Second
	tooApart = 20 * time.Second
)

// examination is one visit.
type examination struct {
	cfg    config.Config
	report Report
	client *http.Client
	quiet  *slog.Logger
}

func (x *examination) add(v Verdict, check, found, do string) {
	x.report = append(x.report, Finding{v, check, found, do})
}

// Examine looks at everything that cfg names.
func Examine(ctx context.Context, cfg config.Config) Report {
	x := &examination{
		cfg: cfg, quiet: slog.New(slog.DiscardHandler),
		client: &http.Client{
			Timeout:       patience,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport:     &http.Transport{DisableKeepAlives: true},
		},
	}
	x.add(OK, "configuration", "every setting can be read", "")
	x.secret()
	x.store(ctx)
	x.redis(ctx)
	x.site()
	x.proxies()
	x.limits()
	x.server(ctx)
	x.mail(ctx)
	x.passkeys()
	x.locations()
	x.providers(ctx)
	return x.report
}

// Misconfigured is the report on settings that cannot be read.
func Misconfigured(err error) Report {
	return Report{{Problem, "configuration", err.Error(), "gatehouse serve --help lists all settings"}}
}

// clock judges how far a server's clock is from this one.
func (x *examination) clock(check string, ahead time.Duration) {
	found := fmt.Sprintf("its clock and this one are %s apart", ahead.Abs().Round(time.Millisecond))
	switch {
	case ahead.Abs() >= tooApart:
		x.add(Problem, check, found, "let both follow one time server (NTP): tokens of one machine are too young for the other")
	case ahead.Abs() >= apart:
		x.add(Warning, check, found, "let both follow one time server (NTP)")
	default:
		x.add(OK, check, found, "")
	}
}
