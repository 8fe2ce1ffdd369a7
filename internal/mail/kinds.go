package mail

// The kinds of letter.
const (
	Welcome        = "welcome"
	VerifyEmail    = "verify_email"
	ResetPassword  = "reset_password"
	Invitation     = "invitation"
	NewDevice      = "new_device"
	ChangeEmail    = "change_email"        // to the new address, which it proves
	ChangeAsked    = "change_email_notice" // to the old one, when a change is asked for
	EmailChanged   = "email_changed"       // to the old one, when it is proved
	EmailTaken     = "email_taken"         // to the owner of an address that somebody wanted to use
	TokenReuse     = "token_reuse"
	TOTP           = "totp"
	Passkey        = "passkey"
	RecoveryCodes  = "recovery_codes"
	Identity       = "identity"
	FactorsReset   = "factors_reset"
	PasswordChange = "password_changed"
	Disabled       = "account_disabled"
)

// kind is what the program knows of a kind of letter; what it says is in its templates.
type kind struct {
	page string // of the public URL that its link opens, "" when it has none
	// again tells that it can be written from the records alone, when staff retries it after its payload is gone.
	again bool
}

var kinds = map[string]kind{
	Welcome:        {again: true},
	VerifyEmail:    {page: "/verify"},
	ResetPassword:  {page: "/reset"},
	Invitation:     {page: "/reset"},
	NewDevice:      {page: "/not-me"},
	ChangeEmail:    {page: "/verify"},
	ChangeAsked:    {},
	EmailChanged:   {},
	EmailTaken:     {again: true},
	TokenReuse:     {again: true},
	TOTP:           {again: true},
	Passkey:        {again: true},
	RecoveryCodes:  {again: true},
	Identity:       {again: true},
	FactorsReset:   {again: true},
	PasswordChange: {again: true},
	Disabled:       {again: true},
}
