package mail

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/outbox"
)

// full is a letter of the kind that tells everything.
func full(kind string) Letter {
	return Letter{
		Kind: kind, To: "ada@example.com", Name: "Ada Lovelace", Token: "gho_secret", At: epoch, Device: "Firefox on Linux", Place: "Graz, Austria",
		IP: "192.0.2.7", Added: true, Provider: "GitHub",
	}
}

var links = regexp.MustCompile(`https?://[^\s"<>]+`)

func TestEveryLetterIsWhole(t *testing.T) {
	l := open(t, nil)
	subjects := make(map[string]bool)
	for kind, k := range kinds {
		for _, added := range []bool{true, false} {
			x := full(kind)
			x.Added = added
			subject, text, page, err := l.letters[kind].render(l.view(x))
			if err != nil {
				t.Errorf("%s: %v", kind, err)
				continue
			}
			subjects[subject] = true
			if subject == "" || strings.Contains(text+page, "<no value>") || strings.Contains(text, "{{") || !strings.HasPrefix(text, "Hello") {
				t.Errorf("%s: subject %q, text\n%s", kind, subject, text)
			}
			for _, body := range []string{text, page} {
				want := 0
				if k.page != "" {
					want = 1
				}
				if n := strings.Count(body, "https://gate.example.com"+k.page+"#token=gho_secret"); n != want {
					t.Errorf("%s: has its link %d times, want %d", kind, n, want)
				}
				if n := strings.Count(body, "gho_secret"); n != want {
					t.Errorf("%s: tells its secret %d times, want %d", kind, n, want)
				}
				for _, found := range links.FindAllString(body, -1) {
					if !strings.HasPrefix(found, "https://gate.example.com") {
						t.Errorf("%s: links to %s", kind, found)
					}
				}
			}
		}
	}
	if want := len(kinds) + 3; len(subjects) != want { // three tell what was added from what was removed
		t.Errorf("%d subjects, want %d: %v", len(subjects), want, subjects)
	}
}

func TestNewDeviceTellsWhatItKnows(t *testing.T) {
	l := open(t, nil)
	_, text, page, err := l.letters[NewDevice].render(l.view(full(NewDevice)))
	l.must(err)
	for _, want := range []string{"Firefox on Linux", "Graz, Austria", "2 January 2026 at 03:04 UTC", "192.0.2.7"} {
		if !strings.Contains(text, want) || !strings.Contains(page, want) {
			t.Errorf("%q is missing", want)
		}
	}
}

func TestLettersToUnprovenAddressesRepeatNoName(t *testing.T) {
	l := open(t, nil)
	for _, kind := range []string{VerifyEmail, ChangeEmail, EmailTaken} {
		_, text, page, err := l.letters[kind].render(l.view(full(kind)))
		l.must(err)
		if strings.Contains(text+page, "Ada") {
			t.Errorf("%s greets by a name that a stranger chose", kind)
		}
	}
}

func withTemplates(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTemplatesCanBeReplaced(t *testing.T) {
	l := open(t, func(c *Config) {
		c.Templates = withTemplates(t, map[string]string{
			"welcome.txt.tmpl":     `Servus {{.Name}}, {{template "foot" .}}`,
			"invitation.html.tmpl": `<p>{{.Link}} & {{.Name}}</p>`,
			"totp.txt.tmpl":        `{{define "subject"}}Neu{{end}}Hallo`,
			"layout.txt.tmpl":      `{{define "foot"}}Euer Pförtner{{end}}`,
			"welcom.txt.tmpl":      `misspelt`,
			"notes.txt":            `{{`,
		})
	})
	render := func(kind string) []string {
		x := full(kind)
		x.Name = "<Ada>"
		v := l.view(x)
		v.Name = "<Ada>"
		subject, text, page, err := l.letters[kind].render(v)
		l.must(err)
		return []string{subject, text, page}
	}
	welcome, invitation, totp := render(Welcome), render(Invitation), render(TOTP)
	if welcome[0] != "Welcome to gate.example.com" || welcome[1] != "Servus <Ada>, Euer Pförtner" || !strings.Contains(welcome[2], "is ready") {
		t.Errorf("welcome is %q", welcome)
	}
	if invitation[2] != "<p>https://gate.example.com/reset#token=gho_secret & &lt;Ada&gt;</p>" || !strings.Contains(invitation[1], "Euer Pförtner") {
		t.Errorf("invitation is %q", invitation)
	}
	if totp[0] != "Neu" || totp[1] != "Hallo" {
		t.Errorf("totp is %q", totp)
	}
	if logged := l.log.String(); !strings.Contains(logged, "welcom.txt.tmpl") || strings.Contains(logged, "notes.txt") {
		t.Errorf("logged %s", logged)
	}
}

func TestTemplateThatDoesNotParseStopsTheStart(t *testing.T) {
	l := open(t, nil)
	for name, text := range map[string]string{
		"welcome.txt.tmpl":     `{{`,
		"welcome.html.tmpl":    `{{if}}`,
		"passkey.txt.tmpl":     `{{.Nmae}}`,
		"passkey.html.tmpl":    `<a href="{{.Lnik}}">`,
		"totp.html.tmpl":       `<a href="{{if .Added}}"{{end}}>`, // in two minds about its context
		"identity.txt.tmpl":    `{{template "fot" .}}`,
		"layout.txt.tmpl":      `{{define "foot"}}{{.X}}{{end}}`,
		"token_reuse.txt.tmpl": `{{define "subject"}}{{.Subjcet}}{{end}}`,
	} {
		cfg := l.cfg
		cfg.Templates = withTemplates(t, map[string]string{name: text})
		_, err := New(cfg)
		kind, _, _ := strings.Cut(name, ".")
		if err == nil || kind != layout && !strings.Contains(err.Error(), kind) {
			t.Errorf("%s with %s: %v", name, text, err)
		}
	}
}

func TestUnknownKindIsNotQueued(t *testing.T) {
	l := open(t, nil)
	if _, err := l.Post(t.Context(), Letter{Kind: "layout", To: "ada@example.com"}, 0); err == nil {
		t.Error("queued")
	}
	if p, err := l.store.ListJobs(t.Context(), outbox.Query{}); err != nil || p.Total != 0 {
		t.Errorf("%d jobs, %v", p.Total, err)
	}
}

func TestEveryKindHasBothTemplates(t *testing.T) {
	files, err := builtIn.ReadDir("templates")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for kind := range kinds {
		want = append(want, kind+".txt.tmpl", kind+".html.tmpl")
	}
	want = append(want, "layout.txt.tmpl", "layout.html.tmpl")
	for _, f := range files {
		got = append(got, f.Name())
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("there are %q, want %q", got, want)
	}
}
