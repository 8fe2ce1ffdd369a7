// Package ratelimit counts attempts in token buckets.
package ratelimit

import "time"

// Limit is a bucket of Burst places that fills up again by Burst in Per. Buckets of different names are apart.
type Limit struct {
	Name  string
	Burst int
	Per   time.Duration
}

// Level is how a bucket stands after a Take.
type Level struct {
	Wait time.Duration // zero: a place was taken; else none was free, and in so long one will be
	Left int           // places that are free now
	Full time.Duration // until all are, if none is taken
}

// The limits, named for what they count and by what. Addresses are keys of clientaddr.Key; accounts are normalised
// e-mail addresses, whether or not a user has them, so that a refusal tells nothing about who exists.
var (
	// Sign-in. Passkeys and OAuth count by address only, so that nobody locks a victim's passkey out.
	LoginAddress = Limit{"login_address", 20, 5 * time.Minute}
	LoginAccount = Limit{"login_account", 5, 5 * time.Minute}

	// Passwords asked of somebody signed in: by session, so that strangers cannot exhaust them.
	ReauthSession = Limit{"reauth_session", 5, 5 * time.Minute}

	// Second factors, during sign-in and on a session. MFASession holds for sockets and HTTP together.
	MFAChallenge = Limit{"mfa_challenge", 3, time.Minute}
	MFAAccount   = Limit{"mfa_account", 10, 15 * time.Minute}
	MFASession   = Limit{"mfa_session", 10, 15 * time.Minute}

	// Whatever sends mail to an address that anybody may type: register, forgot, resend.
	MailAddress = Limit{"mail_address", 20, time.Hour}
	MailAccount = Limit{"mail_account", 5, time.Hour}

	// Other services, by their key.
	Service = Limit{"service", 6000, time.Minute}

	// All other requests.
	Anonymous = Limit{"anonymous", 100, 15 * time.Minute}
	Session   = Limit{"session", 600, time.Minute}
)

// All are the limits that there are.
func All() []Limit {
	return []Limit{
		LoginAddress, LoginAccount, ReauthSession, MFAChallenge, MFAAccount, MFASession, MailAddress, MailAccount, Service, Anonymous, Session,
	}
}

// Refill is the time in which one place comes back.
func (l Limit) Refill() time.Duration { return l.Per / time.Duration(l.Burst) }
