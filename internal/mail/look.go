package mail

import "context"

// Condition is how a mail server stands.
type Condition struct {
	Secure bool // it is spoken to over TLS
}

// Look tries whether letters can leave through the server of cfg, and sends none: it is greeted, with TLS where that is
// to be had, and with the password where there is one.
func Look(ctx context.Context, cfg Config) (c Condition, err error) {
	s, err := newSMTP(cfg.SMTP, cfg.PublicURL)
	if err != nil {
		return c, err
	}
	return s.look(ctx)
}

// Try parses and fills in the templates. The error names the one that does not work.
func Try(cfg Config) error {
	_, err := parse(cfg)
	return err
}

func (s *smtpServer) look(ctx context.Context) (c Condition, err error) {
	wire := &call{s: s}
	defer wire.hangUp()
	defer context.AfterFunc(ctx, wire.hangUp)()
	client, err := s.client(wire)
	if err != nil {
		return c, err
	}
	talk, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return c, err
	}
	_, started := talk.TLSConnectionState()
	c.Secure = s.direct || started
	_ = client.CloseWithSMTPClient(talk)
	return c, nil
}
