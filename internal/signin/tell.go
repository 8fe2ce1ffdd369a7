package signin

import (
	"cmp"
	"context"

	"github.com/gatehouse-dev/gatehouse/internal/mail"
	"github.com/gatehouse-dev/gatehouse/internal/oauth"
)

// telling has a user told by letter of what change does to his account. AuthVersion of the letter is by how much the
// change raises his. More letters may go with it.
func (s *Service) telling(ctx context.Context, userID string, l mail.Letter, change func() error, more ...mail.Letter) error {
	u, err := s.Accounts.User(ctx, userID)
	if err != nil {
		return err
	}
	l.To, l.Name, l.UserID, l.At = u.Email, u.Name, u.ID, s.Now()
	if l.AuthVersion > 0 {
		l.AuthVersion += u.AuthVersion
	}
	return s.Letters.Telling(ctx, change, append(more, l)...)
}

// linked is the letter about an account at a provider that signs in from now on.
func linked(who oauth.Identity) mail.Letter {
	return mail.Letter{Kind: mail.Identity, Provider: providerName(who.Provider), Added: true}
}

var providerNames = map[string]string{"google": "Google", "github": "GitHub"}

func providerName(provider string) string { return cmp.Or(providerNames[provider], provider) }
