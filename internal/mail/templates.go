package mail

import (
	"embed"
	"errors"
	"fmt"
	html "html/template"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed templates/*.tmpl
var builtIn embed.FS

// What every template of a format may use: files of this name, which can be replaced like the others.
const layout = "layout"

// letters are the templates of one kind. The text one defines "subject".
type letters struct {
	text *template.Template
	html *html.Template
}

// view is what templates see.
type view struct {
	Name     string // of the person, "" when unknown
	Email    string // where the letter goes
	Site     string // the host of the public URL
	URL      string // the public URL
	Link     string
	Time     string
	Device   string
	Place    string
	IP       string
	Provider string
	Added    bool
}

// samples are what templates are tried with.
var samples = []view{
	{},
	{
		Name: "Ada", Email: "ada@example.com", Site: "gate.example.com", URL: "https://gate.example.com", Link: "https://gate.example.com/verify#token=x",
		Time: "2 January 2026 at 03:04 UTC", Device: "Firefox on Linux", Place: "Graz, Austria", IP: "192.0.2.7", Provider: "Google", Added: true,
	},
}

// parse reads the templates of all kinds and tries each. Those of the folder replace the built-in ones, file by file;
// one that defines no "subject" keeps the built-in one.
func parse(cfg Config) (map[string]*letters, error) {
	out := make(map[string]*letters, len(kinds))
	for kind := range kinds {
		l := &letters{text: template.New(kind), html: html.New(kind)}
		if err := l.parse(cfg.Templates, kind); err != nil {
			return nil, err
		}
		out[kind] = l
	}
	if cfg.Templates != "" {
		warnOfStrangers(cfg)
	}
	return out, nil
}

func (l *letters) parse(folder, kind string) error {
	text := func(s string) error { _, err := l.text.Parse(s); return err }
	page := func(s string) error { _, err := l.html.Parse(s); return err }
	for _, base := range []string{layout, kind} {
		err := errors.Join(parseFile(folder, base+".txt.tmpl", text), parseFile(folder, base+".html.tmpl", page))
		if err != nil {
			return err
		}
	}
	for _, v := range samples {
		if err := errors.Join(l.text.ExecuteTemplate(io.Discard, "subject", v), l.text.Execute(io.Discard, v), l.html.Execute(io.Discard, v)); err != nil {
			return fmt.Errorf("mail template: %w", err)
		}
	}
	return nil
}

func parseFile(folder, name string, parse func(string) error) error {
	own, err := builtIn.ReadFile("templates/" + name)
	if err != nil {
		return fmt.Errorf("mail template %s: %w", name, err)
	}
	texts := []string{string(own)}
	if folder != "" {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err == nil {
			texts = append(texts, string(text))
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("mail template: %w", err)
		}
	}
	for _, text := range texts {
		if err := parse(text); err != nil {
			return fmt.Errorf("mail template %s: %w", name, err)
		}
	}
	return nil
}

// warnOfStrangers tells of files that are meant to replace a template, and do not.
func warnOfStrangers(cfg Config) {
	files, _ := filepath.Glob(filepath.Join(cfg.Templates, "*.tmpl")) // the pattern is no bad one
	for _, name := range files {
		if _, err := fs.Stat(builtIn, "templates/"+filepath.Base(name)); err != nil {
			cfg.Log.Warn("a mail template has the name of no letter", "file", name)
		}
	}
}

// render fills the templates in.
func (l *letters) render(v view) (subject, text, page string, err error) {
	var s, t, p strings.Builder
	err = errors.Join(l.text.ExecuteTemplate(&s, "subject", v), l.text.Execute(&t, v), l.html.Execute(&p, v))
	return line(s.String(), maxSubject), t.String(), p.String(), err
}
