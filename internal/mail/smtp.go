package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/gatehouse-dev/gatehouse/internal/outbox"
)

// The ports where the URL names none (RFC 6409, RFC 8314).
const (
	submissionPort  = 587
	submissionsPort = 465
)

// smtpServer takes letters: smtp:// by STARTTLS when it is offered, smtps:// by TLS from the start.
type smtpServer struct {
	host     string
	port     int
	roots    *x509.CertPool // nil for the system's
	direct   bool           // TLS from the start
	user     string         // "" for none
	password string
	helo     string
}

func newSMTP(u, public *url.URL) (*smtpServer, error) {
	s := &smtpServer{host: u.Hostname(), port: submissionPort, direct: u.Scheme == "smtps", helo: helo(public.Hostname())}
	if s.direct {
		s.port = submissionsPort
	}
	if u.Port() != "" {
		port, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil {
			return nil, errors.New("mail server: the port is none")
		}
		s.port = int(port)
	}
	if u.User != nil {
		s.user = u.User.Username()
		s.password, _ = u.User.Password()
	}
	return s, nil
}

// helo is how this side names itself; an address stands in brackets (RFC 5321 section 4.1.3).
func helo(host string) string {
	addr, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return host
	case addr.Is6():
		return "[IPv6:" + host + "]"
	}
	return "[" + host + "]"
}

// carry sends a letter. That the server says good-bye badly after it took the letter is no failure.
func (s *smtpServer) carry(ctx context.Context, e envelope) error {
	c := &call{s: s}
	defer c.hangUp()
	stop := context.AfterFunc(ctx, c.hangUp) // whatever it is that hangs
	defer stop()
	err := s.send(ctx, c, e.msg)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("mail server: %w", ctx.Err())
	}
	return err
}

func (s *smtpServer) send(ctx context.Context, c *call, m *gomail.Msg) error {
	client, err := s.client(c)
	if err != nil {
		return fmt.Errorf("mail server: %w", err)
	}
	talk, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return fmt.Errorf("mail server: %w", err)
	}
	if err := client.SendWithSMTPClient(talk, m); err != nil {
		return refusal(err)
	}
	_ = client.CloseWithSMTPClient(talk)
	return nil
}

// client is go-mail's, which is not told of TLS from the start: the connection comes to it with that done.
func (s *smtpServer) client(c *call) (*gomail.Client, error) {
	opts := []gomail.Option{
		gomail.WithPort(s.port), gomail.WithHELO(s.helo), gomail.WithTLSPolicy(gomail.TLSOpportunistic), gomail.WithTLSConfig(s.config()),
		gomail.WithTimeout(TryTimeout), gomail.WithDialContextFunc(c.dial),
	}
	if s.user != "" {
		opts = append(opts, gomail.WithUsername(s.user), gomail.WithPassword(s.password), gomail.WithSMTPAuth(s.auth()))
	}
	return gomail.NewClient(s.host, opts...)
}

// auth sends the password itself over TLS only, or to this machine.
func (s *smtpServer) auth() gomail.SMTPAuthType {
	addr, err := netip.ParseAddr(s.host)
	if !s.direct && (s.host == "localhost" || err == nil && addr.IsLoopback()) {
		return gomail.SMTPAuthPlainNoEnc
	}
	return gomail.SMTPAuthAutoDiscover
}

func (s *smtpServer) config() *tls.Config {
	return &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12, RootCAs: s.roots}
}

func (*smtpServer) clean(time.Time) error { return nil }

// call is one connection, which can be hung up at any time.
type call struct {
	s *smtpServer

	mu   sync.Mutex // guards the following
	conn net.Conn
	over bool
}

func (c *call) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.conn = conn
	over := c.over
	c.mu.Unlock()
	if over {
		return nil, errors.Join(net.ErrClosed, conn.Close())
	}
	if !c.s.direct {
		return conn, nil
	}
	secure := tls.Client(conn, c.s.config())
	return secure, secure.HandshakeContext(ctx)
}

func (c *call) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if c.conn != nil {
		_ = c.conn.Close()
	}
}

// hopeless are the answers to an address that no further try can mend: no such mailbox, moved away, not an address.
var hopeless = []int{501, 550, 551, 553}

// refusal is what a server answered to a letter. go-mail's own text names the address.
func refusal(err error) error {
	var e *gomail.SendError
	if !errors.As(err, &e) || e.ErrorCode() == 0 {
		return errors.New("mail server: the connection was lost")
	}
	text := fmt.Errorf("mail server: answered %d %s (%s)", e.ErrorCode(), e.EnhancedStatusCode(), e.Reason)
	policy := strings.HasPrefix(e.EnhancedStatusCode(), "5.7.") // it may take more once it is set up
	if e.Reason == gomail.ErrSMTPRcptTo && slices.Contains(hopeless, e.ErrorCode()) && !policy {
		return outbox.Permanent(text)
	}
	return text
}
