package rulestest

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	netmail "net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
)

// Mail is a letter as its reader has it.
type Mail struct {
	Kind, To, Subject, Text string
	Link, Token             string // where it has a link with a secret
}

// Deliver does the mail jobs that are due, as a node does, and returns the letters that came of them, in that order.
func (h *House) Deliver() (letters []Mail) {
	h.t.Helper()
	for {
		now := h.Time()
		j, err := h.Store.ClaimJob(h.t.Context(), outbox.Claim{Kind: outbox.Mail, Now: now, LeaseUntil: now.Add(time.Minute)})
		if errors.Is(err, fault.ErrNotFound) {
			return letters
		}
		must(h.t, err)
		letters = append(letters, h.deliver(j)...)
	}
}

func (h *House) deliver(j outbox.Job) []Mail {
	h.t.Helper()
	payload, err := h.Box.Open("outbox", j.Payload, []byte(j.ID))
	must(h.t, err)
	err = h.Letters.Run(h.t.Context(), outbox.Task{ID: j.ID, Kind: j.Kind, Attempt: j.Attempts, CreatedAt: j.CreatedAt, Note: j.Note, Payload: payload})
	if errors.Is(err, outbox.ErrNoFact) {
		j.State, j.RunAt = outbox.Queued, h.Time().Add(outbox.Fallback)
	} else {
		must(h.t, err)
		j.State, j.Payload = outbox.Done, nil
	}
	_, err = h.Store.ReplaceJob(h.t.Context(), j)
	must(h.t, err)
	files, err := filepath.Glob(filepath.Join(h.Config.MailDir, j.ID+"-*.eml"))
	must(h.t, err)
	var letters []Mail
	for _, name := range files {
		raw, err := os.ReadFile(name)
		must(h.t, err)
		m, err := ReadMail(raw)
		must(h.t, err)
		m.Kind = strings.TrimSuffix(strings.TrimPrefix(filepath.Base(name), j.ID+"-"), ".eml")
		letters = append(letters, m)
	}
	return letters
}

// One delivers, and is the one letter that came of it: of the kind, to the address.
func (h *House) One(kind, to string) Mail {
	h.t.Helper()
	letters := h.Deliver()
	if len(letters) != 1 || letters[0].Kind != kind || letters[0].To != to {
		h.t.Fatalf("letters %+v, want one %s to %s", letters, kind, to)
	}
	return letters[0]
}

// None delivers, and demands that nothing came of it.
func (h *House) None(when string) {
	h.t.Helper()
	if letters := h.Deliver(); len(letters) > 0 {
		h.t.Errorf("%s: letters %+v", when, letters)
	}
}

var secretLink = regexp.MustCompile(`(https?://\S+)#token=(gho_[\w-]+)`)

// ReadMail reads the text of a message.
func ReadMail(raw []byte) (m Mail, err error) {
	got, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return m, err
	}
	to, err := got.Header.AddressList("To")
	if err != nil {
		return m, err
	}
	m.To = to[0].Address
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject")); err != nil {
		return m, err
	}
	_, params, err := mime.ParseMediaType(got.Header.Get("Content-Type"))
	if err != nil {
		return m, err
	}
	part, err := multipart.NewReader(got.Body, params["boundary"]).NextPart() // plain text stands first
	if err != nil {
		return m, err
	}
	text, err := io.ReadAll(part)
	m.Text = strings.ReplaceAll(string(text), "\r\n", "\n")
	if found := secretLink.FindStringSubmatch(m.Text); found != nil {
		m.Link, m.Token = found[1], found[2]
	}
	return m, err
}
