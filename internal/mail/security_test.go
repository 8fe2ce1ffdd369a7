package mail

import (
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/outbox"
)

// TestNothingInALetterBecomesAHeader: neither names and devices, which people choose, nor addresses.
func TestNothingInALetterBecomesAHeader(t *testing.T) {
	l := open(t, func(c *Config) {
		c.Templates = withTemplates(t, map[string]string{
			"invitation.txt.tmpl": "{{define \"subject\"}}For {{.Name}}\r\nBcc: all@example.com\r\n\r\nbody {{.Device}}{{end}}Hello {{.Name}} {{.Device}}",
		})
	})
	const evil = "Ada\r\nBcc: victim@example.com\r\n\r\n.\r\nMAIL FROM:<x@example.com>"
	x := Letter{Kind: Invitation, To: "ada@example.com", Name: evil, Device: evil, Place: evil, IP: evil, Provider: evil, Purpose: "invite", Token: l.give("invite")}
	l.must(l.Run(t.Context(), l.post(x)))
	for _, raw := range l.eml() {
		m := read(t, raw)
		known := map[string]bool{
			"From": true, "To": true, "Subject": true, "Date": true, "Message-Id": true, "Mime-Version": true, "Content-Type": true, "Auto-Submitted": true,
		}
		for name := range m.header {
			if !known[name] {
				t.Errorf("it has a header %s: %q", name, m.header[name])
			}
		}
		if strings.ContainsAny(m.subject(), "\r\n") || !strings.Contains(m.subject(), "Bcc: all@example.com") {
			t.Errorf("subject is %q", m.subject())
		}
		if strings.Contains(m.text, "\nBcc") || strings.Contains(m.text, "\n.\n") || strings.Contains(m.text, "\nMAIL") {
			t.Errorf("text is\n%s", m.text)
		}
	}
}

func TestAddressThatIsMoreThanOneIsRefused(t *testing.T) {
	l := open(t, nil)
	for _, to := range []string{
		"", "ada", "@example.com", "ada@", "ada@example.com\r\nBcc: x@example.com", "a@example.com,b@example.com", "a@example.com> <b@example.com",
		"Ada <ada@example.com>", "ada@example.com ", "\x00@example.com", "ada@exa\nmple.com", `a"b@example.com`, `"a b"@example.com`, "a,b@example.com", "(c)@example.com",
	} {
		task := l.post(Letter{Kind: EmailTaken, To: to})
		err := l.Run(t.Context(), task)
		if !errors.Is(err, errAddress) {
			t.Errorf("%q: %v", to, err)
		}
		if err != nil && to != "" && strings.Contains(err.Error(), to) {
			t.Errorf("%q: the error repeats it", to)
		}
	}
	if files := l.eml(); len(files) != 0 {
		t.Errorf("sent %d", len(files))
	}
	for _, to := range []string{"o'hara+x@example.com", "a.b-c_d@sub.example.com", "zoë@exämple.com", "!#$%&*/=?^`{|}~@example.com"} { // odd, and one each
		if err := l.Run(t.Context(), l.post(Letter{Kind: EmailTaken, To: to})); err != nil {
			t.Errorf("%q: %v", to, err)
		}
	}
}

// TestLinksUseTheConfiguredURL: threat 33. No request comes near a letter; its links begin with the public URL alone.
func TestLinksUseTheConfiguredURL(t *testing.T) {
	l := open(t, func(c *Config) { c.PublicURL = link(t, "https://gate.example.com:8443") })
	for kind, k := range kinds {
		if k.page == "" {
			continue
		}
		if got, want := l.view(full(kind)).Link, "https://gate.example.com:8443"+k.page+"#token=gho_secret"; got != want {
			t.Errorf("%s: link is %s, want %s", kind, got, want)
		}
	}
}

func TestNamesThatCouldBeLinksAreNotGreeted(t *testing.T) {
	for name, want := range map[string]string{
		"Ada Lovelace": "Ada Lovelace", "Dr. Ada Lovelace": "Dr. Ada Lovelace", "Ada L.": "Ada L.", "": "", "Zoë": "Zoë", " Ada\tKing ": "Ada King",
		"http://evil.example": "", "evil.example": "", "Win at www.evil.example": "", "ada@evil.example": "", `\\evil`: "", "<b>": "", "evil.example.": "",
		"a/b": "", "Ada\u202eKing": "Ada King",
	} {
		if got := greeting(name); got != want {
			t.Errorf("%q is greeted as %q, want %q", name, got, want)
		}
	}
}

func TestErrorsOfBadJobsAreFinal(t *testing.T) {
	l := open(t, nil)
	for _, task := range []outbox.Task{{Payload: []byte("no JSON")}, {Note: []byte("{")}, {Note: []byte(`{"kind":"none","user_id":"usr_a"}`)}} {
		if err := l.Run(t.Context(), task); !outbox.IsPermanent(err) {
			t.Errorf("%+v went", task)
		}
	}
}
