package address

import (
	"context"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/mail"
)

// Invite makes an account without password for somebody, and sends him a link to choose one. Where mail does not leave
// the house, the link is handed to the admin who asks; else it is "".
func (s *Service) Invite(ctx context.Context, admin Actor, n account.New) (u account.User, link string, err error) {
	n.ID, n.Password, n.Verified = id.New(id.User), "", false
	if err := n.Check(); err != nil {
		return u, "", err
	}
	secret, err := s.give(ctx, grant.Grant{Purpose: grant.Invite, UserID: n.ID}, waiting{Email: n.Email}, InviteLife)
	if err != nil {
		return u, "", err
	}
	err = s.Letters.Telling(ctx, func() error {
		u, err = s.Accounts.Create(ctx, n)
		return err
	}, mail.Letter{Kind: mail.Invitation, To: n.Email, Name: n.Name, UserID: n.ID, Purpose: grant.Invite, Token: secret})
	if err != nil {
		_ = s.withdraw(context.WithoutCancel(ctx), n.ID) // it opens nothing
		return account.User{}, "", err
	}
	s.Audit.Record(ctx, audit.Event{
		Action: audit.UserCreated, Actor: audit.Party{Kind: "user", ID: admin.UserID}, Target: audit.Party{Kind: "user", ID: u.ID},
		UserID: u.ID, IP: admin.IP, Outcome: audit.Success,
	})
	if s.Letters.SMTP == nil {
		link = s.Letters.Link(mail.Invitation, secret)
	}
	return u, link, nil
}
