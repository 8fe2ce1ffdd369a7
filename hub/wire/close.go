package wire

// CloseCode is a WebSocket close code (RFC 6455 section 7.4). Its Name is the close reason, and the reason of
// session.ended. After 4000–4499 a client may come back; 4500–4999 are final.
type CloseCode int

// The close codes.
const (
	CloseNormal      CloseCode = 1000
	CloseGoingAway   CloseCode = 1001
	CloseFraming     CloseCode = 1002
	CloseInvalidUTF8 CloseCode = 1007
	ClosePolicy      CloseCode = 1008
	CloseTooBig      CloseCode = 1009
	CloseRestart     CloseCode = 1012
	CloseOverloaded  CloseCode = 1013

	CloseTokenExpired CloseCode = 4401
	CloseAuthTimeout  CloseCode = 4408
	CloseSlowConsumer CloseCode = 4410
	ClosePingTimeout  CloseCode = 4411
	CloseRateLimited  CloseCode = 4429

	CloseProtocolError      CloseCode = 4500
	CloseSessionRevoked     CloseCode = 4501
	CloseKicked             CloseCode = 4502
	CloseCredentialsChanged CloseCode = 4503
	CloseAccountDisabled    CloseCode = 4504
	CloseTokenReuse         CloseCode = 4505
	CloseMFAFailed          CloseCode = 4506
	CloseSignedOut          CloseCode = 4507
	CloseSessionExpired     CloseCode = 4508
	CloseUnauthenticated    CloseCode = 4509
)

var closeNames = map[CloseCode]string{
	CloseNormal: "", CloseGoingAway: "going_away", CloseFraming: "protocol_error", CloseInvalidUTF8: "invalid_utf8", ClosePolicy: "policy_violation",
	CloseTooBig: "too_large", CloseRestart: "restart", CloseOverloaded: "overloaded",
	CloseTokenExpired: "token_expired", CloseAuthTimeout: "auth_timeout", CloseSlowConsumer: "slow_consumer",
	ClosePingTimeout: "ping_timeout", CloseRateLimited: "rate_limited", CloseProtocolError: "protocol_error",
	CloseSessionRevoked: "session_revoked", CloseKicked: "kicked", CloseCredentialsChanged: "credentials_changed",
	CloseAccountDisabled: "account_disabled", CloseTokenReuse: "token_reuse", CloseMFAFailed: "mfa_failed",
	CloseSignedOut: "signed_out", CloseSessionExpired: "session_expired", CloseUnauthenticated: "unauthenticated",
}

// Name is the code's name, "" for 1000 and for codes of others.
func (c CloseCode) Name() string { return closeNames[c] }

// Final tells whether a client must not come back by itself.
func (c CloseCode) Final() bool { return c >= 4500 && c <= 4999 }

// CloseCodeOf is the close code of an end reason, such as 4502 for "kicked".
func CloseCodeOf(reason string) CloseCode {
	for code, name := range closeNames {
		if name == reason && code >= 4000 {
			return code
		}
	}
	return CloseSessionRevoked
}
