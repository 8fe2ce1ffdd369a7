package rulestest

import (
	"time"

	vwa "github.com/descope/virtualwebauthn"
	"github.com/pquerna/otp/totp"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/signin"
)

// Step is after how long an authenticator app shows its next code.
const Step = 30 * time.Second

// Code is what an authenticator app with the secret shows now.
func (h *House) Code(secret string) string {
	h.t.Helper()
	code, err := totp.GenerateCode(secret, h.Time())
	must(h.t, err)
	return code
}

// AddTOTP sets up an authenticator app from the session, and lets the code of the set-up pass.
func (h *House) AddTOTP(x session.Issued) (secret string, recovery []string) {
	h.t.Helper()
	e, err := h.Factors.BeginTOTP(h.t.Context(), x.User.ID)
	must(h.t, err)
	recovery, err = h.SignIn.ConfirmTOTP(h.t.Context(), Actor(x), h.Code(e.Secret))
	must(h.t, err)
	h.Advance(Step)
	return e.Secret, recovery
}

// AddPasskey registers a new passkey from the session.
func (h *House) AddPasskey(x session.Issued) *Passkey {
	h.t.Helper()
	key := h.NewPasskey(x.User)
	c, err := h.Factors.BeginPasskey(h.t.Context(), x.User.ID)
	must(h.t, err)
	key.Record, _, err = h.SignIn.AddPasskey(h.t.Context(), Actor(x), c.Secret, "Key", key.Register(c.Options))
	must(h.t, err)
	return key
}

// Actor is who acts from the session.
func Actor(x session.Issued) signin.Actor {
	return signin.Actor{UserID: x.User.ID, SessionID: x.Session.ID, IP: Visit.IP}
}

// Passkey is an authenticator in software with one passkey. Tests may spoil its parts.
type Passkey struct {
	Record account.Passkey
	Auth   vwa.Authenticator
	Cred   vwa.Credential
	RP     vwa.RelyingParty

	h *House
}

// NewPasskey is one that is not registered yet. It verifies its user until told otherwise.
func (h *House) NewPasskey(u account.User) *Passkey {
	return &Passkey{
		h: h, Auth: vwa.NewAuthenticatorWithOptions(vwa.AuthenticatorOptions{UserHandle: []byte(u.ID)}), Cred: newCredential(),
		RP: vwa.RelyingParty{ID: h.Config.WebAuthnRPID, Name: "Gatehouse", Origin: h.Config.PublicURL.String()},
	}
}

// newCredential is one whose key has coordinates of full length: the software writes shorter ones without their zeros
// in front, which is no COSE key.
func newCredential() vwa.Credential {
	for {
		if c := vwa.NewCredential(vwa.KeyTypeEC2); len(c.Key.AttestationData()) == 77 {
			return c
		}
	}
}

// Register answers the options of a registration.
func (p *Passkey) Register(options []byte) []byte {
	p.h.t.Helper()
	o, err := vwa.ParseAttestationOptions(string(options))
	must(p.h.t, err)
	return []byte(vwa.CreateAttestationResponse(p.RP, p.Auth, p.Cred, *o))
}

// Show answers the options of an assertion, with the counter one further.
func (p *Passkey) Show(options []byte) []byte {
	p.h.t.Helper()
	o, err := vwa.ParseAssertionOptions(string(options))
	must(p.h.t, err)
	p.Cred.Counter++
	return []byte(vwa.CreateAssertionResponse(p.RP, p.Auth, p.Cred, *o))
}
