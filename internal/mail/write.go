package mail

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"unicode"

	gomail "github.com/wneessen/go-mail"

	"github.com/gatehouse-dev/gatehouse/internal/outbox"
)

// Bounds of what a letter repeats, in code points.
const (
	maxSubject = 150
	maxLine    = 100
)

// envelope is a letter that is written.
type envelope struct {
	jobID, kind string
	msg         *gomail.Msg
}

// quoted are the characters that an address may have between quotes only: nobody's has them, and they confuse.
const quoted = "\"(),:;<>[\\] "

var errAddress = errors.New("its address is none that mail can go to")

// write makes the message of a letter. Its id and date are those of the job, so that a second try makes the same.
func (s *Service) write(l Letter, t outbox.Task) (envelope, error) {
	to := &mail.Address{Address: l.To}
	if parsed, err := mail.ParseAddress(l.To); err != nil || parsed.Address != l.To || strings.ContainsAny(l.To, quoted) {
		return envelope{}, errAddress
	}
	subject, text, page, err := s.letters[l.Kind].render(s.view(l))
	if err != nil {
		return envelope{}, fmt.Errorf("write letter: %w", err)
	}
	m := gomail.NewMsg(gomail.WithEncoding(s.encoding()), gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(s.From)
	m.ToMailAddress(to)
	m.Subject(subject)
	m.SetMessageIDWithValue(t.ID + "@" + domain(s.From.Address))
	m.SetDateWithValue(t.CreatedAt)
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no answer by holiday robots
	m.SetBodyString(gomail.TypeTextPlain, crlf(text))
	m.AddAlternativeString(gomail.TypeTextHTML, crlf(page))
	return envelope{jobID: t.ID, kind: l.Kind, msg: m}, nil
}

// encoding leaves files plain: their links are to be read and copied. Not every server takes what is not quoted.
func (s *Service) encoding() gomail.Encoding {
	if s.SMTP == nil {
		return gomail.NoEncoding
	}
	return gomail.EncodingQP
}

func crlf(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
}

func domain(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

func (s *Service) view(l Letter) view {
	v := view{
		Name: greeting(l.Name), Email: l.To, Site: s.PublicURL.Hostname(), URL: s.PublicURL.String(), Device: line(l.Device, maxLine),
		Place: line(l.Place, maxLine), IP: line(l.IP, maxLine), Provider: line(l.Provider, maxLine), Added: l.Added,
	}
	if kinds[l.Kind].page != "" {
		v.Link = s.Link(l.Kind, l.Token)
	}
	if !l.At.IsZero() {
		v.Time = l.At.UTC().Format("2 January 2006 at 15:04 ") + "UTC"
	}
	return v
}

// Link is what a letter of the kind has people follow. The secret stands where no server sees it.
func (s *Service) Link(kind, token string) string {
	return s.PublicURL.String() + kinds[kind].page + "#token=" + token
}

// line is text on one line, without what does not print.
func line(text string, most int) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if r := []rune(text); len(r) > most {
		text = string(r[:most-1]) + "…"
	}
	return text
}

// greeting is a name to greet by, or "" for one that a mail program could make a link of: people choose their own.
func greeting(name string) string {
	name = line(name, maxLine)
	short := strings.TrimSuffix(strings.ReplaceAll(name, ". ", " "), ".") // without the dots of shortened names
	if strings.ContainsAny(short, "./:@\\<>") {
		return ""
	}
	return name
}
