package httpapi_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
)

// TestTriesOfAChallenge (R6): a fourth try within a minute does not count, the fifth wrong one ends the challenge.
func TestTriesOfAChallenge(t *testing.T) {
	p := protect(t, nil)
	token := p.challenge()
	for range 3 {
		p.payWrong(token).problem(401, "invalid_code")
	}
	for range 5 {
		p.payWrong(token).limited()
		p.payTOTP(token).limited()
	}
	p.Advance(time.Minute)
	for range 2 {
		p.payWrong(token).problem(401, "invalid_code")
	}
	p.payTOTP(token).problem(410, "grant_expired")
	p.Advance(time.Minute)
	p.payWrong(token).problem(410, "grant_expired")

	token = p.challenge()
	for range 2 {
		p.payWrong(token).problem(401, "invalid_code")
	}
	p.payTOTP(token).is(200)
}

func TestGoodCodesGiveTheirPlacesBack(t *testing.T) {
	p := protect(t, nil)
	for range 2 * ratelimit.MFAAccount.Burst {
		p.payTOTP(p.challenge()).is(200)
		p.Advance(rulestest.Step)
	}
}

// TestWhoShowsNoChallengeCountsAsAStranger: made-up challenges fill no buckets of their own.
func TestWhoShowsNoChallengeCountsAsAStranger(t *testing.T) {
	p := protect(t, proxied)
	i := 0
	p.until(ratelimit.Anonymous.Burst, func() *answer {
		i++
		return p.payWrong(fmt.Sprintf("challenge %d", i), client(1))
	}).limited()
	p.payTOTP(p.challenge(client(1)), client(1)).is(200) // a real one counts by itself
	p.do("POST", "/auth/mfa/passkey/options", doc{"mfa_token": "x"}, client(1)).limited()
	p.do("POST", "/auth/passkey/options", nil, client(1)).limited()
	p.do("POST", "/auth/passkey/options", nil, client(2)).is(200)
}

func TestPasskeySignInsCountPerAddressOnly(t *testing.T) {
	p := protect(t, proxied)
	p.exhaust(ratelimit.LoginAccount, ada)
	p.exhaust(ratelimit.MFAAccount, p.own.User.ID)
	wrong := func() *answer {
		return p.do("POST", "/auth/passkey", doc{"ceremony": "x", "credential": doc{}}, client(1))
	}
	p.until(ratelimit.LoginAddress.Burst, wrong).limited()
	body := p.begin(p.key, "/auth/passkey/options", nil, client(2))
	p.do("POST", "/auth/passkey", body, client(1)).limited()
	p.do("POST", "/auth/passkey", body, client(2)).is(200)
}

// TestCodesOnASessionCountTogether (F18): those of a set-up and those shown again.
func TestCodesOnASessionCountTogether(t *testing.T) {
	p := protect(t, nil)
	d, other := p.another(), p.another()
	p.until(ratelimit.MFASession.Burst, func() *answer { return p.do("POST", "/auth/reauthenticate", doc{"code": "x"}, d.bearer()) }).limited()
	p.do("POST", "/auth/reauthenticate", doc{"code": p.Code(p.secret)}, d.bearer()).limited()
	p.do("POST", "/auth/reauthenticate", doc{"password": rulestest.Password}, d.bearer()).is(200)
	for range ratelimit.MFASession.Burst + 1 {
		p.do("POST", "/auth/reauthenticate", doc{"code": p.Code(p.secret)}, other.bearer()).is(200)
		p.Advance(rulestest.Step)
	}
	fresh := p.enter()
	p.do("POST", "/auth/factors/totp", nil, fresh.bearer()).is(200)
	p.until(ratelimit.MFASession.Burst, func() *answer { return p.do("POST", "/auth/factors/totp/confirm", doc{"code": "x"}, fresh.bearer()) }).limited()
	p.do("POST", "/auth/reauthenticate", doc{"code": "x"}, fresh.bearer()).limited()
}

func TestPasskeysShownAgainCountPerSession(t *testing.T) {
	p := protect(t, nil)
	d := p.another()
	p.until(ratelimit.ReauthSession.Burst, func() *answer {
		return p.do("POST", "/auth/reauthenticate", doc{"ceremony": "x", "credential": doc{}}, d.bearer())
	}).limited()
	p.do("POST", "/auth/reauthenticate", p.begin(p.key, "/auth/reauthenticate/options", nil, p.own.bearer()), p.own.bearer()).is(200)
}
