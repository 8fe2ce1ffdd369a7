package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/token"
)

// Refresh exchanges a refresh token. With d = stored generation − presented generation:
//
//   - a bad MAC, another transport or d < 0: invalid_token, nothing changes;
//   - d = 0: one generation step, by compare-and-set;
//   - d = 1 within the grace, or while the successor was never used: the same successor again, and a fresh access token;
//   - anything else is reuse: the session ends with token_reuse (RFC 9700 section 4.14).
//
// A session that has ended, by whatever, answers session_revoked with the reason. Of an end and a refresh at the same
// instant, the end wins: the step is refused when the record has moved, and then seen.
func (s *Service) Refresh(ctx context.Context, presented, transport string, v Visit) (Issued, error) {
	for {
		sess, key, shown, err := s.presented(ctx, presented)
		if err != nil {
			return Issued{}, err
		}
		if sess.Transport != transport {
			return Issued{}, fault.ErrInvalidToken
		}
		out, err := s.step(ctx, sess, key, shown, v.IP)
		if errors.Is(err, fault.ErrMoved) {
			continue
		}
		if err != nil {
			return Issued{}, err
		}
		s.Traces.Add(Trace{SessionID: sess.ID, LastSeenAt: s.Now(), IP: v.IP, UserAgent: v.UserAgent, Location: v.Location})
		out.Session = s.Traces.Overlay(out.Session)
		s.announceRenewal(ctx, out)
		return out, nil
	}
}

// presented finds the session of a refresh token and verifies the token under the session's key. A token of a
// generation that is yet to come is invalid.
func (s *Service) presented(ctx context.Context, text string) (Session, []byte, token.Refresh, error) {
	shown, err := token.ParseRefresh(text)
	if err != nil {
		return Session{}, nil, token.Refresh{}, fault.ErrInvalidToken
	}
	sess, err := s.Store.Session(ctx, shown.SessionID)
	if errors.Is(err, fault.ErrNotFound) {
		return Session{}, nil, shown, fault.ErrInvalidToken
	}
	if err != nil {
		return Session{}, nil, shown, fmt.Errorf("read session: %w", err)
	}
	key, err := s.Box.Open(refreshKeys, sess.Refresh.Key, []byte(sess.ID))
	if err != nil {
		return Session{}, nil, shown, fault.ErrUnavailable.Because(fmt.Errorf("open refresh key: %w", err))
	}
	if !shown.Verify(key, text) || shown.Generation > sess.Refresh.Generation {
		return Session{}, nil, shown, fault.ErrInvalidToken
	}
	return sess, key, shown, nil
}

// step decides one refresh against the record as it was read. fault.ErrMoved: read again.
func (s *Service) step(ctx context.Context, sess Session, key []byte, shown token.Refresh, ip string) (Issued, error) {
	user, err := s.standing(ctx, sess)
	if err != nil {
		return Issued{}, err
	}
	now := s.Now()
	switch sess.Refresh.Generation - shown.Generation {
	case 0:
		sess.Refresh.Generation++
		sess.Refresh.RotatedAt = now
		sess.RefreshedAt = now
		sess.ExpiresAt = now.Add(s.Lives.Refresh)
		sess, err = s.Store.ReplaceSession(ctx, sess, false)
		if err != nil {
			return Issued{}, fmt.Errorf("rotate refresh token: %w", err)
		}
		return s.issue(sess, user, key, now)
	case 1:
		if s.repeatable(sess, now) {
			return s.issue(sess, user, key, now)
		}
	}
	return Issued{}, s.endCopied(ctx, sess, ip)
}

// endCopied ends a session because a refresh token came whose successor is in use: two have it.
func (s *Service) endCopied(ctx context.Context, sess Session, ip string) error {
	end := func() (err error) {
		sess, _, err = s.End(ctx, sess.ID, Ending{Reason: "token_reuse", By: wire.By{Kind: wire.BySystem}, IP: ip})
		return err
	}
	told := s.Copied
	if told == nil {
		told = func(_ context.Context, _ Session, end func() error) error { return end() }
	}
	if err := told(ctx, sess, end); err != nil {
		return err
	}
	return Revoked(sess.EndedFrame())
}

// repeatable tells whether the previous refresh token still gives the successor: within the grace, or as long as the
// successor was never used, because then its answer was lost.
func (s *Service) repeatable(sess Session, now time.Time) bool {
	used := max(sess.Acked, s.Traces.Acked(sess.ID)) >= sess.Refresh.Generation
	return now.Sub(sess.Refresh.RotatedAt) <= s.Lives.Grace || !used
}

// Presented is what a refresh token stands for when it is shown without being rotated: by the cookie of a handshake,
// and by a sign-out.
type Presented struct {
	Session Session
	Current bool // of the current generation; else of one that a refresh would still answer
}

// Look verifies a refresh token without changing anything. An older generation of a live session is token_expired;
// an ended session is session_revoked.
func (s *Service) Look(ctx context.Context, text, transport string) (Presented, error) {
	sess, _, shown, err := s.presented(ctx, text)
	if err != nil {
		return Presented{}, err
	}
	if sess.Transport != transport {
		return Presented{}, fault.ErrInvalidToken
	}
	if sess.Ended() {
		return Presented{}, Revoked(sess.EndedFrame())
	}
	behind := sess.Refresh.Generation - shown.Generation
	if behind > 1 || behind == 1 && !s.repeatable(sess, s.Now()) {
		return Presented{}, fault.ErrTokenExpired
	}
	return Presented{Session: sess, Current: behind == 0}, nil
}
