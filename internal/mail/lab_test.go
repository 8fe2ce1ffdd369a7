package mail

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/store/sqlite"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

// lab is mail on a SQLite file, into a folder or to a server, under a clock that the test moves.
type lab struct {
	*Service
	t      *testing.T
	store  *sqlite.Store
	grants *grant.Service
	log    *log
	cfg    Config

	mu  sync.Mutex // guards the following
	now time.Time
}

// log keeps what is logged.
type log struct {
	mu  sync.Mutex // guards the following
	buf bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func open(t *testing.T, edit func(*Config)) *lab {
	t.Helper()
	l := &lab{t: t, now: epoch, log: &log{}}
	dir := t.TempDir()
	store, err := sqlite.Open(t.Context(), filepath.Join(dir, "mail.db"), sqlite.Options{Now: l.time})
	l.must(err)
	t.Cleanup(func() { l.must(store.Close()) })
	box, err := seal.New(bytes.Repeat([]byte{7}, seal.SecretSize), nil)
	l.must(err)
	logger := slog.New(slog.NewTextHandler(l.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	l.store, l.grants = store, &grant.Service{Store: store, Secrets: box, Now: l.time}
	l.cfg = Config{
		PublicURL: link(t, "https://gate.example.com"), From: &netmail.Address{Name: "Gatehouse", Address: "no-reply@gate.example.com"},
		Dir: filepath.Join(dir, "mail"), Users: store, Sessions: store, Grants: l.grants, Now: l.time, Log: logger,
		Outbox: &outbox.Service{Store: store, Box: box, Now: l.time, Log: logger},
	}
	if edit != nil {
		edit(&l.cfg)
	}
	l.Service, err = New(l.cfg)
	l.must(err)
	return l
}

func link(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) time() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

func (l *lab) advance(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = l.now.Add(d)
}

func (l *lab) user(edit func(*account.User)) account.User {
	l.t.Helper()
	u := account.User{ID: id.New(id.User), Name: "Ada Lovelace", Roles: []string{"user"}, AuthVersion: 4, WelcomedAt: epoch, CreatedAt: epoch}
	u.Email = strings.ToLower(u.ID) + "@example.com"
	if edit != nil {
		edit(&u)
	}
	u, err := l.store.InsertUser(l.t.Context(), u)
	l.must(err)
	return u
}

func (l *lab) session(edit func(*session.Session)) session.Session {
	l.t.Helper()
	rec := session.Session{ID: id.New(id.Session), UserID: "usr_a", CreatedAt: epoch}
	if edit != nil {
		edit(&rec)
	}
	rec, err := l.store.InsertSession(l.t.Context(), rec)
	l.must(err)
	return rec
}

func (l *lab) give(purpose string) string {
	l.t.Helper()
	secret, err := l.grants.Give(l.t.Context(), grant.Grant{Purpose: purpose, TriesLeft: 1}, time.Hour)
	l.must(err)
	return secret
}

// post queues a letter, and is its job as a worker sees it.
func (l *lab) post(x Letter) outbox.Task {
	l.t.Helper()
	jobID, err := l.Post(l.t.Context(), x, 0)
	l.must(err)
	return l.task(jobID)
}

func (l *lab) task(jobID string) outbox.Task {
	l.t.Helper()
	j, err := l.store.Job(l.t.Context(), jobID)
	l.must(err)
	payload, err := l.cfg.Outbox.Box.Open("outbox", j.Payload, []byte(j.ID))
	l.must(err)
	return outbox.Task{ID: j.ID, Kind: j.Kind, Attempt: 1, CreatedAt: j.CreatedAt, Note: j.Note, Payload: payload}
}

// message is a letter as a mail program reads it.
type message struct {
	header     netmail.Header
	text, html string
}

func read(t *testing.T, raw []byte) (m message) {
	t.Helper()
	got, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%v in\n%.2000s", err, raw)
	}
	m.header = got.Header
	kind, params, err := mime.ParseMediaType(got.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("it is %s, %v", kind, err)
	}
	parts := multipart.NewReader(got.Body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			return m
		}
		if err != nil {
			t.Fatal(err)
		}
		body := io.Reader(part)
		if part.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			body = quotedprintable.NewReader(part)
		}
		content, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(content), "\r\n", "\n")
		switch kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type")); kind {
		case "text/plain":
			m.text = text
		case "text/html":
			m.html = text
		default:
			t.Errorf("a part is %s", kind)
		}
	}
}

func (m message) subject() string {
	s, err := new(mime.WordDecoder).DecodeHeader(m.header.Get("Subject"))
	if err != nil {
		return fmt.Sprint(err)
	}
	return s
}
