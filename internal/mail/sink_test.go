package mail

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// sink is an SMTP server that keeps what it gets.
type sink struct {
	addr  string
	roots *x509.CertPool // that its certificate is by

	mu       sync.Mutex // guards the following
	refuse   error      // the answer to RCPT, if any
	got      []received
	offered  []string // credentials
	password string   // that is asked for, if any
}

type received struct {
	from, to string
	raw      []byte
	tls      bool
	user     string
	helo     string
}

const (
	noTLS = iota
	startTLS
	directTLS
)

// newSink listens on a loopback port.
func newSink(t *testing.T, security int) *sink {
	t.Helper()
	s := &sink{}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &visit{s: s, conn: c}, nil }))
	server.AllowInsecureAuth = security == noTLS
	server.ErrorLog = discard{}
	if security != noTLS {
		var cert tls.Certificate
		cert, s.roots = certificate(t)
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
	}
	if security == directTLS {
		ln = tls.NewListener(ln, server.TLSConfig)
	}
	s.addr = ln.Addr().String()
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() { _ = server.Close() })
	return s
}

type discard struct{}

func (discard) Printf(string, ...any) {}
func (discard) Println(...any)        {}

// letters are what came.
func (s *sink) letters() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.got...)
}

func (s *sink) set(refuse error, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse, s.password = refuse, password
}

// visit is a connection.
type visit struct {
	s    *sink
	conn *smtp.Conn
	mail received
}

func (v *visit) AuthMechanisms() []string { return []string{sasl.Plain} }

func (v *visit) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		v.s.mu.Lock()
		defer v.s.mu.Unlock()
		v.s.offered = append(v.s.offered, password)
		if password != v.s.password {
			return errors.New("wrong")
		}
		v.mail.user = user
		return nil
	}), nil
}

func (v *visit) Mail(from string, _ *smtp.MailOptions) error {
	v.mail.from = from
	return nil
}

func (v *visit) Rcpt(to string, _ *smtp.RcptOptions) error {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	v.mail.to = to
	return v.s.refuse
}

func (v *visit) Data(r io.Reader) (err error) {
	if v.mail.raw, err = io.ReadAll(r); err != nil {
		return err
	}
	_, v.mail.tls = v.conn.TLSConnectionState()
	v.mail.helo = v.conn.Hostname()
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	v.s.got = append(v.s.got, v.mail)
	return nil
}

func (v *visit) Reset()        {}
func (v *visit) Logout() error { return nil }

// certificate is one for this machine, and what it is by.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sink"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}
