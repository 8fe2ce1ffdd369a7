package mail

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// eml is the files of the folder, by name.
func (l *lab) eml() map[string][]byte {
	l.t.Helper()
	entries, err := os.ReadDir(l.cfg.Dir)
	l.must(err)
	out := make(map[string][]byte)
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(l.cfg.Dir, e.Name()))
		l.must(err)
		out[e.Name()] = content
	}
	return out
}

func TestWithoutServerLettersAreFiles(t *testing.T) {
	l := open(t, nil)
	u := l.user(nil)
	secret := l.give("reset_password")
	task := l.post(Letter{Kind: ResetPassword, To: u.Email, Name: u.Name, UserID: u.ID, Purpose: "reset_password", Token: secret})
	for range 2 { // twice is once
		l.must(l.Run(t.Context(), task))
	}
	files := l.eml()
	name := task.ID + "-reset_password.eml"
	raw := files[name]
	if len(files) != 1 || raw == nil {
		t.Fatalf("files are %v", files)
	}
	info, err := os.Stat(filepath.Join(l.cfg.Dir, name))
	l.must(err)
	if folder, err := os.Stat(l.cfg.Dir); err != nil || info.Mode().Perm() != 0o600 || folder.Mode().Perm() != 0o700 {
		t.Errorf("modes are %v and %v", info.Mode(), folder.Mode())
	}
	link := "https://gate.example.com/reset#token=" + secret
	m := read(t, raw)
	if !strings.Contains(m.text, link+"\n") || !strings.Contains(string(raw), link+"\r\n") {
		t.Errorf("the link is not there to be copied:\n%s", raw)
	}
	if m.subject() != "Choose a new password" || m.header.Get("To") != "<"+u.Email+">" || m.header.Get("From") != `"Gatehouse" <no-reply@gate.example.com>` ||
		m.header.Get("Message-ID") != "<"+task.ID+"@gate.example.com>" || m.header.Get("Auto-Submitted") != "auto-generated" {
		t.Errorf("header is %v", m.header)
	}
	if date, err := m.header.Date(); err != nil || !date.Equal(epoch.Truncate(time.Second)) {
		t.Errorf("its date is %v, %v", date, err)
	}
	if logged := l.log.String(); !strings.Contains(logged, name) || strings.Contains(logged, secret) || strings.Contains(logged, "token=") {
		t.Errorf("logged %s", logged)
	}
}

func TestFilesWithOtherLettersStayReadable(t *testing.T) {
	l := open(t, nil)
	task := l.post(Letter{Kind: Invitation, To: "zoe@example.com", Name: "Zoë Müller", Purpose: "invite", Token: l.give("invite")})
	l.must(l.Run(t.Context(), task))
	for _, raw := range l.eml() {
		m := read(t, raw)
		if !strings.Contains(m.text, "Hello Zoë Müller,") || strings.Contains(string(raw), "=3D") {
			t.Errorf("it is\n%s", raw)
		}
	}
}

func TestFilesAreKeptSevenDays(t *testing.T) {
	l := open(t, nil)
	post := func() string {
		task := l.post(Letter{Kind: Welcome, To: "ada@example.com"})
		l.must(l.Run(t.Context(), task))
		return task.ID + "-welcome.eml"
	}
	old := post()
	foreign := filepath.Join(l.cfg.Dir, "keep.eml")
	l.must(os.WriteFile(foreign, nil, 0o600))
	l.must(os.Chtimes(foreign, epoch.AddDate(-1, 0, 0), epoch.AddDate(-1, 0, 0)))
	l.advance(time.Hour)
	young := post()
	for _, tt := range []struct {
		at   time.Duration
		want []string
	}{
		{7*24*time.Hour - time.Second, []string{old, young, "keep.eml"}}, {7 * 24 * time.Hour, []string{young, "keep.eml"}}, {8 * 24 * time.Hour, []string{"keep.eml"}},
	} {
		l.must(l.Purge(epoch.Add(tt.at)))
		left := l.eml()
		if len(left) != len(tt.want) {
			t.Errorf("after %v: %v", tt.at, left)
		}
		for _, name := range tt.want {
			if _, ok := left[name]; !ok {
				t.Errorf("after %v: %s is gone", tt.at, name)
			}
		}
	}
}

func TestFolderThatCannotBeMadeStopsTheStart(t *testing.T) {
	l := open(t, nil)
	cfg := l.cfg
	cfg.Dir = filepath.Join(t.TempDir(), "file")
	l.must(os.WriteFile(cfg.Dir, nil, 0o600))
	if _, err := New(cfg); err == nil {
		t.Error("started")
	}
}
