package httpapi

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-dev/gatehouse/internal/clientaddr"
	"github.com/gatehouse-dev/gatehouse/internal/factor"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/signin"
)

// MFARequired is a sign-in that waits for a second factor.
type MFARequired struct {
	Status    string   `json:"status" enum:"mfa_required"`
	MFAToken  string   `json:"mfa_token"`
	Methods   []string `json:"methods" enum:"totp,recovery_code,passkey"`
	ExpiresIn int      `json:"expires_in"`
}

// Step is how far a sign-in came: SignIn or MFARequired.
type Step struct{ either any }

// MarshalJSON writes whichever it is.
func (s Step) MarshalJSON() ([]byte, error) { return json.Marshal(s.either) }

// Schema describes both.
func (Step) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{
		r.Schema(reflect.TypeFor[SignIn](), true, ""), r.Schema(reflect.TypeFor[MFARequired](), true, ""),
	}}
}

// Ceremony begins something with a passkey.
type Ceremony struct {
	Ceremony string          `json:"ceremony" doc:"Comes back with the credential"`
	Options  json.RawMessage `json:"options" doc:"PublicKeyCredentialCreationOptionsJSON or PublicKeyCredentialRequestOptionsJSON"`
}

type mfaCode struct {
	Body struct {
		MFAToken string `json:"mfa_token"`
		Code     string `json:"code"`
	}
}

type mfaToken struct {
	Body struct {
		MFAToken string `json:"mfa_token"`
	}
}

// Shown is a passkey's answer to a ceremony.
type Shown struct {
	Ceremony   string          `json:"ceremony"`
	Credential json.RawMessage `json:"credential" doc:"The PublicKeyCredential as JSON"`
}

type mfaPasskey struct {
	Body struct {
		MFAToken string `json:"mfa_token"`
		Shown
	}
}

type passkeyLogin struct {
	Body struct {
		Shown
		Entrance
	}
}

func (a *API) challengeRoutes() {
	const tag = "Signing in"
	handle(a, route{method: "POST", path: "/auth/mfa/totp", tag: tag, open: true, summary: "Finish a sign-in by a code of the authenticator app"}, a.payTOTP)
	handle(a, route{method: "POST", path: "/auth/mfa/recovery-code", tag: tag, open: true, summary: "Finish a sign-in by a recovery code"}, a.payRecoveryCode)
	handle(a, route{method: "POST", path: "/auth/mfa/passkey/options", tag: tag, open: true, limit: &ratelimit.Anonymous, summary: "Begin to finish a sign-in by a passkey"}, a.mfaPasskeyOptions)
	handle(a, route{method: "POST", path: "/auth/mfa/passkey", tag: tag, open: true, summary: "Finish a sign-in by a passkey"}, a.payPasskey)
	handle(a, route{method: "POST", path: "/auth/passkey/options", tag: tag, open: true, limit: &ratelimit.Anonymous, summary: "Begin a sign-in by passkey alone"}, a.passkeyOptions)
	handle(a, route{method: "POST", path: "/auth/passkey", tag: tag, open: true, limit: &ratelimit.LoginAddress, summary: "Sign in by passkey alone"}, a.passkeyLogin)
}

// stepped is the answer to a first step.
func (a *API) stepped(ctx context.Context, c *call, out signin.Outcome) (*answer[Step], error) {
	if ch := out.Challenge; ch != nil {
		return &answer[Step]{Step{MFARequired{Status: "mfa_required", MFAToken: ch.Token, Methods: ch.Methods, ExpiresIn: seconds(signin.MFALife)}}}, nil
	}
	in, err := a.signedIn(ctx, c, out.Issued)
	if err != nil {
		return nil, err
	}
	return &answer[Step]{Step{in.Body}}, nil
}

func (a *API) payTOTP(ctx context.Context, c *call, in *mfaCode) (*answer[SignIn], error) {
	return a.pay(ctx, c, in.Body.MFAToken, func(e signin.Entry) (session.Issued, error) {
		return a.cfg.SignIn.PayTOTP(ctx, in.Body.MFAToken, in.Body.Code, e)
	})
}

func (a *API) payRecoveryCode(ctx context.Context, c *call, in *mfaCode) (*answer[SignIn], error) {
	return a.pay(ctx, c, in.Body.MFAToken, func(e signin.Entry) (session.Issued, error) {
		return a.cfg.SignIn.PayRecoveryCode(ctx, in.Body.MFAToken, in.Body.Code, e)
	})
}

func (a *API) payPasskey(ctx context.Context, c *call, in *mfaPasskey) (*answer[SignIn], error) {
	b := in.Body
	return a.pay(ctx, c, b.MFAToken, func(e signin.Entry) (session.Issued, error) {
		return a.cfg.SignIn.PayPasskey(ctx, b.MFAToken, b.Ceremony, b.Credential, e)
	})
}

// pay counts by challenge and by account, before a try is taken: what is refused as too many does not count as a
// wrong code. Who shows a challenge that is none counts as a stranger. Paying for a cookie needs the proof that
// setting one needs.
func (a *API) pay(ctx context.Context, c *call, token string, pay func(signin.Entry) (session.Issued, error)) (*answer[SignIn], error) {
	userID, transport, err := a.cfg.SignIn.Pending(ctx, token)
	if errors.Is(err, grant.ErrExpired) {
		err = cmp.Or(a.take(ctx, ratelimit.Anonymous, clientaddr.Key(c.addr)), err)
	}
	if err != nil {
		return nil, err
	}
	if err := a.take(ctx, ratelimit.MFAChallenge, hashed(token)); err != nil {
		return nil, err
	}
	if err := a.take(ctx, ratelimit.MFAAccount, userID); err != nil {
		return nil, err
	}
	entry, err := c.entry(Entrance{Transport: transport})
	if err != nil {
		return nil, err
	}
	out, err := pay(entry)
	if err != nil {
		return nil, err
	}
	a.giveBack(ctx, ratelimit.MFAChallenge, hashed(token))
	a.giveBack(ctx, ratelimit.MFAAccount, userID)
	return a.signedIn(ctx, c, out)
}

// hashed is a secret as the key of a bucket.
func hashed(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func (a *API) mfaPasskeyOptions(ctx context.Context, _ *call, in *mfaToken) (*answer[Ceremony], error) {
	return ceremony(a.cfg.SignIn.PasskeyForChallenge(ctx, in.Body.MFAToken))
}

func ceremony(c factor.Ceremony, err error) (*answer[Ceremony], error) {
	if err != nil {
		return nil, err
	}
	return &answer[Ceremony]{Ceremony{c.Secret, c.Options}}, nil
}

func (a *API) passkeyOptions(ctx context.Context, _ *call, _ *struct{}) (*answer[Ceremony], error) {
	return ceremony(a.cfg.Factors.BeginSignIn(ctx))
}

// passkeyLogin counts by address only, so that nobody locks a victim's passkey out.
func (a *API) passkeyLogin(ctx context.Context, c *call, in *passkeyLogin) (*answer[Step], error) {
	entry, err := c.entry(in.Body.Entrance)
	if err != nil {
		return nil, err
	}
	out, err := a.cfg.SignIn.PasskeyLogin(ctx, in.Body.Ceremony, in.Body.Credential, entry)
	if err != nil {
		return nil, err
	}
	a.giveBack(ctx, ratelimit.LoginAddress, clientaddr.Key(c.addr))
	return a.stepped(ctx, c, out)
}
