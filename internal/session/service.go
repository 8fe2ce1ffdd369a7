package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
	"github.com/gatehouse-dev/gatehouse/internal/token"
)

// refreshKeys is the purpose under which the sessions' refresh keys are sealed.
const refreshKeys = "session refresh key"

// Users is what sessions ask of accounts.
type Users interface {
	User(ctx context.Context, id string) (account.User, error)
}

// Signer signs access tokens with the current key.
type Signer interface {
	Sign(c token.Claims) (string, error)
}

// Lifetimes are the lives of tokens and sessions.
type Lifetimes struct {
	Access   time.Duration // of an access token
	Refresh  time.Duration // sliding: without a refresh for so long the session ends
	Absolute time.Duration // of a session, whatever happens
	Grace    time.Duration // for the previous refresh token to be repeated
	Kept     time.Duration // of an ended record
}

// Service is the rules of sessions. All fields are set before use and not changed after.
type Service struct {
	Store  Store
	Users  Users
	Audit  audit.Store
	Box    *seal.Box
	Signer func() Signer
	Traces *Traces
	Lives  Lifetimes
	Max    int // live sessions of a user; the oldest ends
	// MustHaveFactor tells whether users with these roles must have a second factor. Nil: nobody must.
	MustHaveFactor func(roles []string) bool
	Now            func() time.Time
	// Announce tells this node and then the others that a session's record was stamped: born, renamed, raised, ended.
	Announce func(ctx context.Context, s Session)
	// Renewed tells them that a session was refreshed or authenticated anew.
	Renewed func(ctx context.Context, r Renewal)
	// Copied calls end, which ends a session whose refresh token somebody has a copy of, and has its owner told. Nil:
	// nobody is told.
	Copied func(ctx context.Context, s Session, end func() error) error
}

// Renewal is the new authority of a session's sockets.
type Renewal struct {
	UserID    string    `json:"user_id"`
	SessionID string    `json:"session_id"`
	Issued    time.Time `json:"issued"`
	Expires   time.Time `json:"expires"`
	AAL       int       `json:"aal"`
	AuthTime  time.Time `json:"auth_time"`
	Roles     []string  `json:"roles"`
	Epoch     int       `json:"epoch"`
}

// Visit is where a request comes from and on what.
type Visit struct {
	IP        string
	UserAgent string
	Device    wire.Device
	Location  *wire.Location
}

// Start is what makes a session.
type Start struct {
	ID        string       // "" for a fresh one
	User      account.User // as read before the credential was checked
	Transport string
	Name      string // of the device; "" for one made from the User-Agent by the caller
	AMR       []string
	AAL       int
	Visit     Visit
}

// Issued is a session with its tokens.
type Issued struct {
	Session        Session
	User           account.User
	At             time.Time // when the lives of the tokens began
	AccessToken    string
	AccessExpires  time.Time
	RefreshToken   string // "" when it was not issued anew
	RefreshExpires time.Time
}

// Start makes a session: one more device of the user. The user is read again once the session is there: a password
// change, a reset or a disable that came between ends it and answers ErrInvalidCredentials.
func (s *Service) Start(ctx context.Context, in Start) (Issued, error) {
	sess, key := s.fresh(in)
	sess, err := s.Store.InsertSession(ctx, sess)
	if err != nil {
		return Issued{}, fmt.Errorf("start session: %w", err)
	}
	ctx = context.WithoutCancel(ctx) // whoever goes away now must not leave it unchecked
	user, err := s.Users.User(ctx, sess.UserID)
	if err != nil {
		return Issued{}, fmt.Errorf("read user again: %w", err)
	}
	if user.AuthVersion != in.User.AuthVersion || user.Disabled {
		if _, _, err := s.End(ctx, sess.ID, Ending{Reason: "credentials_changed", By: wire.By{Kind: wire.BySystem}}); err != nil {
			return Issued{}, err
		}
		return Issued{}, account.ErrInvalidCredentials
	}
	s.Announce(ctx, sess)
	if err := s.endOldest(ctx, user.ID); err != nil {
		return Issued{}, err
	}
	return s.issue(sess, user, key, sess.CreatedAt)
}

// fresh is a session that begins now, and its refresh key.
func (s *Service) fresh(in Start) (Session, []byte) {
	now := s.Now()
	key := token.NewRefreshKey()
	sess := Session{
		ID: cmp.Or(in.ID, id.New(id.Session)), UserID: in.User.ID, Transport: in.Transport, Name: in.Name, Device: in.Visit.Device,
		AAL: in.AAL, AMR: in.AMR, AuthTime: now, AuthVersion: in.User.AuthVersion,
		CreatedAt: now, RefreshedAt: now, ExpiresAt: now.Add(s.Lives.Refresh), AbsoluteExpiresAt: now.Add(s.Lives.Absolute),
		LastSeenAt: now, IP: in.Visit.IP, UserAgent: in.Visit.UserAgent, Location: in.Visit.Location,
	}
	sess.Device.Kind = cmp.Or(sess.Device.Kind, "unknown") // a visit without a device, as in load tests
	sess.Refresh = Refresh{Generation: 1, RotatedAt: now, Key: s.Box.Seal(refreshKeys, key, []byte(sess.ID))}
	return sess, key
}

// Make is a session with its tokens, to be stored by the caller: for load tests.
func (s *Service) Make(in Start) (Issued, error) {
	sess, key := s.fresh(in)
	return s.issue(sess, in.User, key, sess.CreatedAt)
}

// endOldest keeps the number of a user's sessions within the limit. Of sign-ins at once, each sees at least what came
// before it, so that the last one leaves no more than the limit.
func (s *Service) endOldest(ctx context.Context, userID string) error {
	live, err := s.Store.SessionsOf(ctx, userID)
	if err != nil {
		return fmt.Errorf("count sessions: %w", err)
	}
	if len(live) <= s.Max {
		return nil
	}
	slices.SortFunc(live, func(a, b Session) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID))
	})
	for _, old := range live[:len(live)-s.Max] {
		if _, _, err := s.End(ctx, old.ID, Ending{Reason: "session_revoked", By: wire.By{Kind: wire.BySystem}, Note: "session limit"}); err != nil {
			return err
		}
	}
	return nil
}

// issue signs an access token for the session as it stands at now and derives its refresh token.
func (s *Service) issue(sess Session, user account.User, key []byte, now time.Time) (Issued, error) {
	out := Issued{Session: sess, User: user, At: now, RefreshExpires: sess.End()}
	out.AccessExpires = now.Add(s.Lives.Access)
	if out.AccessExpires.After(sess.End()) {
		out.AccessExpires = sess.End()
	}
	out.AccessExpires = out.AccessExpires.Truncate(time.Second) // as the token says it
	var err error
	out.AccessToken, err = s.Signer().Sign(token.Claims{
		Subject: user.ID, SessionID: sess.ID, IssuedAt: now, Expires: out.AccessExpires,
		Roles: user.Roles, AAL: sess.AAL, AMR: sess.AMR, AuthTime: sess.AuthTime, Epoch: user.Epoch, Generation: sess.Refresh.Generation,
		Owes: s.Owed(user, sess.AAL),
	})
	if err != nil {
		return Issued{}, fmt.Errorf("sign access token: %w", err)
	}
	if key != nil {
		out.RefreshToken = token.MintRefresh(key, sess.ID, sess.Refresh.Generation)
	}
	return out, nil
}

// Owed is what a session of the user with such an assurance owes.
func (s *Service) Owed(u account.User, aal int) string {
	return token.Owed(u.HasFactor(), aal, s.MustHaveFactor != nil && s.MustHaveFactor(u.Roles))
}

// Get is a live session of the user, with the traces this node knows. Those of others and ended ones are not found.
func (s *Service) Get(ctx context.Context, userID, sessionID string) (Session, error) {
	sess, err := s.Store.Session(ctx, sessionID)
	if err != nil {
		return Session{}, fmt.Errorf("read session: %w", err)
	}
	if sess.UserID != userID || sess.Ended() {
		return Session{}, fault.ErrNotFound
	}
	return s.Traces.Overlay(sess), nil
}

// List is the user's live sessions, and those of also that have ended, in any order.
func (s *Service) List(ctx context.Context, userID string, also ...string) ([]Session, error) {
	list, err := s.Store.SessionsOf(ctx, userID, also...)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	now := s.Now()
	list = slices.DeleteFunc(list, func(x Session) bool { return !x.Ended() && !now.Before(x.End()) })
	for i := range list {
		list[i] = s.Traces.Overlay(list[i])
	}
	return list, nil
}

// MaxName is the length of a device's name in code points.
const MaxName = wire.MaxNameLength

// CheckName refuses a device name that is empty, too long or has control characters.
func CheckName(member, name string) error {
	n := utf8.RuneCountInString(name)
	if n < 1 || n > MaxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return fault.Field(member, "must be 1 to 64 characters long, without control characters")
	}
	return nil
}

// Rename names one of the user's devices.
func (s *Service) Rename(ctx context.Context, userID, sessionID, name string) (Session, error) {
	if err := CheckName("name", name); err != nil {
		return Session{}, err
	}
	sess, err := s.change(ctx, sessionID, true, func(x *Session) error {
		if x.UserID != userID || x.Ended() {
			return fault.ErrNotFound
		}
		if x.Name == name {
			return errUnchanged
		}
		x.Name = name
		return nil
	})
	return s.Traces.Overlay(sess), err
}

// Proof is a credential that somebody showed on a session.
type Proof struct {
	Method string // of amr; "" to leave it
	AAL    int    // the assurance that the session has with it; it never falls
	Fresh  bool   // the person was there just now: auth_time
}

// Prove records a credential that was shown. The session and its generation stay; its sockets hear of it, and the
// access token that comes with it has the new claims.
func (s *Service) Prove(ctx context.Context, sessionID string, p Proof) (Issued, error) {
	sess, _, err := s.replace(ctx, sessionID, true, func(x *Session) error {
		if x.Ended() {
			return Revoked(x.EndedFrame())
		}
		if p.Fresh {
			x.AuthTime = s.Now()
		}
		x.AAL = max(x.AAL, p.AAL)
		x.AMR = AMR(x.AAL, append(slices.Clone(x.AMR), p.Method)...)
		return nil
	})
	if err != nil {
		return Issued{}, err
	}
	defer s.Announce(context.WithoutCancel(ctx), sess) // last: what sockets hear of the renewal says it too, and more
	return s.reissue(ctx, sess)
}

// AMR is a set of methods as it is stored: once each, "mfa" where two factors were shown (RFC 8176).
func AMR(aal int, methods ...string) []string {
	var out []string
	for _, m := range methods {
		if m != "" && m != "mfa" && !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	if aal >= 2 {
		out = append(out, "mfa")
	}
	return out
}

// reissue is a fresh access token for a session whose refresh token stays.
func (s *Service) reissue(ctx context.Context, sess Session) (Issued, error) {
	user, err := s.Users.User(ctx, sess.UserID)
	if err != nil {
		return Issued{}, fmt.Errorf("read user: %w", err)
	}
	out, err := s.issue(s.Traces.Overlay(sess), user, nil, s.Now())
	if err == nil {
		s.announceRenewal(ctx, out)
	}
	return out, err
}

func (s *Service) announceRenewal(ctx context.Context, x Issued) {
	s.Renewed(ctx, Renewal{
		UserID: x.User.ID, SessionID: x.Session.ID, Issued: s.Now(), Expires: x.AccessExpires,
		AAL: x.Session.AAL, AuthTime: x.Session.AuthTime, Roles: x.User.Roles, Epoch: x.User.Epoch,
	})
}

var errUnchanged = errors.New("unchanged")

// change is replace. With stamp the change is announced.
func (s *Service) change(ctx context.Context, sessionID string, stamp bool, edit func(*Session) error) (Session, error) {
	sess, changed, err := s.replace(ctx, sessionID, stamp, edit)
	if changed && stamp {
		s.Announce(context.WithoutCancel(ctx), sess)
	}
	return sess, err
}

// replace reads, changes and replaces until nobody came between; errUnchanged from edit leaves the record as it is.
func (s *Service) replace(ctx context.Context, sessionID string, stamp bool, edit func(*Session) error) (sess Session, changed bool, err error) {
	for {
		sess, err = s.Store.Session(ctx, sessionID)
		if err != nil {
			return Session{}, false, fmt.Errorf("read session: %w", err)
		}
		if err := edit(&sess); errors.Is(err, errUnchanged) {
			return sess, false, nil
		} else if err != nil {
			return Session{}, false, err
		}
		sess, err = s.Store.ReplaceSession(ctx, sess, stamp)
		if err == nil {
			return sess, true, nil
		}
		if !errors.Is(err, fault.ErrMoved) {
			return Session{}, false, fmt.Errorf("change session: %w", err)
		}
	}
}
