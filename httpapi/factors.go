package httpapi

import (
	"context"
	"net/http"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
)

// Factors are a user's second factors and linked accounts.
type Factors struct {
	TOTP              TOTPState  `json:"totp"`
	RecoveryCodesLeft int        `json:"recovery_codes_left"`
	Passkeys          []Passkey  `json:"passkeys"`
	Identities        []Identity `json:"identities"`
}

// TOTPState is whether an authenticator app is set up.
type TOTPState struct {
	Enabled     bool       `json:"enabled"`
	ConfirmedAt *wire.Time `json:"confirmed_at,omitempty"`
}

// Passkey is a passkey as its owner sees it. RecoveryCodes come once, with the first factor.
type Passkey struct {
	ID            string     `json:"id"`
	Name          string     `json:"name"`
	CreatedAt     wire.Time  `json:"created_at"`
	LastUsedAt    *wire.Time `json:"last_used_at"`
	RecoveryCodes []string   `json:"recovery_codes,omitempty"`
}

// Identity is an account at a provider.
type Identity struct {
	Provider string `json:"provider"`
	Email    string `json:"email"`
}

// Enrolment is what an authenticator app has to be told.
type Enrolment struct {
	Secret string `json:"secret"`
	URI    string `json:"uri"`
	QR     string `json:"qr_svg"`
}

// RecoveryCodes are shown once. They are empty where an earlier factor has brought them.
type RecoveryCodes struct {
	RecoveryCodes []string `json:"recovery_codes"`
}

type confirmation struct {
	Body struct {
		Code string `json:"code"`
	}
}

type passkeyRegistration struct {
	Body struct {
		Name string `json:"name,omitempty"`
		Shown
	}
}

func (a *API) factorRoutes() {
	const tag = "My second factors"
	at := func(method, path, summary string) route {
		return route{method: method, path: "/auth/factors" + path, tag: tag, stepUp: method != "GET", enrols: true, summary: summary}
	}
	gone := func(rt route) route { rt.status = http.StatusNoContent; return rt }
	made := func(rt route) route { rt.status = http.StatusCreated; return rt }
	handle(a, at("GET", "", "What is set up"), a.factors)
	handle(a, at("POST", "/totp", "Begin to set up an authenticator app"), a.beginTOTP)
	handle(a, at("POST", "/totp/confirm", "Finish it by a code"), a.confirmTOTP)
	handle(a, gone(at("DELETE", "/totp", "Turn the authenticator app off")), a.removeTOTP)
	handle(a, at("POST", "/recovery-codes", "New recovery codes; old ones die"), a.newRecoveryCodes)
	handle(a, at("POST", "/passkeys/options", "Begin to add a passkey"), a.beginPasskey)
	handle(a, made(at("POST", "/passkeys", "Finish it")), a.addPasskey)
	handle(a, at("PATCH", "/passkeys/{id}", "Name a passkey"), a.renamePasskey)
	handle(a, gone(at("DELETE", "/passkeys/{id}", "Remove a passkey")), a.removePasskey)
}

func (a *API) factors(ctx context.Context, c *call, _ *struct{}) (*answer[Factors], error) {
	u, err := a.cfg.Accounts.User(ctx, c.who.UserID)
	if err != nil {
		return nil, err
	}
	out := Factors{RecoveryCodesLeft: len(u.RecoveryCodes), Passkeys: make([]Passkey, len(u.Passkeys)), Identities: []Identity{}}
	for _, i := range u.Identities {
		out.Identities = append(out.Identities, Identity{i.Provider, i.Email})
	}
	if u.HasTOTP() {
		at := wire.At(u.TOTP.ConfirmedAt)
		out.TOTP = TOTPState{Enabled: true, ConfirmedAt: &at}
	}
	for i, p := range u.Passkeys {
		out.Passkeys[i] = passkey(p)
	}
	return &answer[Factors]{out}, nil
}

func passkey(p account.Passkey) Passkey {
	out := Passkey{ID: p.ID, Name: p.Name, CreatedAt: wire.At(p.CreatedAt)}
	if !p.LastUsedAt.IsZero() {
		at := wire.At(p.LastUsedAt)
		out.LastUsedAt = &at
	}
	return out
}

func (a *API) beginTOTP(ctx context.Context, c *call, _ *struct{}) (*answer[Enrolment], error) {
	e, err := a.cfg.Factors.BeginTOTP(ctx, c.who.UserID)
	if err != nil {
		return nil, err
	}
	return &answer[Enrolment]{Enrolment(e)}, nil
}

// confirmTOTP counts the code with all others that are shown on the session.
func (a *API) confirmTOTP(ctx context.Context, c *call, in *confirmation) (*answer[RecoveryCodes], error) {
	if err := a.take(ctx, ratelimit.MFASession, c.who.SessionID); err != nil {
		return nil, err
	}
	codes, err := a.cfg.SignIn.ConfirmTOTP(ctx, c.actor(), in.Body.Code)
	if err == nil {
		a.giveBack(ctx, ratelimit.MFASession, c.who.SessionID)
	}
	return recoveryCodes(codes, err)
}

func recoveryCodes(codes []string, err error) (*answer[RecoveryCodes], error) {
	if err != nil {
		return nil, err
	}
	return &answer[RecoveryCodes]{RecoveryCodes{append([]string{}, codes...)}}, nil
}

func (a *API) removeTOTP(ctx context.Context, c *call, _ *struct{}) (*nothing, error) {
	return nil, a.cfg.SignIn.RemoveTOTP(ctx, c.actor())
}

func (a *API) newRecoveryCodes(ctx context.Context, c *call, _ *struct{}) (*answer[RecoveryCodes], error) {
	return recoveryCodes(a.cfg.SignIn.NewRecoveryCodes(ctx, c.actor()))
}

func (a *API) beginPasskey(ctx context.Context, c *call, _ *struct{}) (*answer[Ceremony], error) {
	return ceremony(a.cfg.Factors.BeginPasskey(ctx, c.who.UserID))
}

func (a *API) addPasskey(ctx context.Context, c *call, in *passkeyRegistration) (*answer[Passkey], error) {
	p, codes, err := a.cfg.SignIn.AddPasskey(ctx, c.actor(), in.Body.Ceremony, in.Body.Name, in.Body.Credential)
	if err != nil {
		return nil, err
	}
	out := passkey(p)
	out.RecoveryCodes = codes
	return &answer[Passkey]{out}, nil
}

func (a *API) renamePasskey(ctx context.Context, c *call, in *renaming) (*answer[Passkey], error) {
	p, err := a.cfg.Factors.RenamePasskey(ctx, c.who.UserID, in.ID, in.Body.Name)
	if err != nil {
		return nil, err
	}
	return &answer[Passkey]{passkey(p)}, nil
}

func (a *API) removePasskey(ctx context.Context, c *call, in *SessionPath) (*nothing, error) {
	return nil, a.cfg.SignIn.RemovePasskey(ctx, c.actor(), in.ID)
}
