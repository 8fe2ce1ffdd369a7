package signin

import (
	"context"
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/clientaddr"
	"github.com/gatehouse-dev/gatehouse/internal/device"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/mail"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// What is known of a user's devices.
const (
	knownFor  = 90 * 24 * time.Hour // since it signed in last
	maxKnown  = 64
	noteEvery = 24 * time.Hour

	// NotMeLife is how long the link that signs a new device out is good.
	NotMeLife = 7 * 24 * time.Hour
)

// Marks makes keyed hashes, so that a copy of the store does not tell where people sign in: under the current master
// secret first, then under the previous one.
type Marks interface {
	MACs(purpose string, data []byte) [][]byte
}

// marks are the hashes under which a device may be known to its user.
func (s *Service) marks(userID string, v session.Visit) []string {
	address := v.IP
	if addr, err := netip.ParseAddr(v.IP); err == nil {
		address = clientaddr.Key(addr)
	}
	text := strings.Join([]string{userID, v.Device.Browser, v.Device.OS, address}, "\x00")
	var out []string
	for _, mac := range s.Marks.MACs("known device", []byte(text)) {
		out = append(out, hex.EncodeToString(mac[:16]))
	}
	return out
}

// known is where in the record of a user a device is, if it signed in lately; else -1.
func (s *Service) known(u account.User, marks []string) int {
	return slices.IndexFunc(u.KnownDevices, func(d account.KnownDevice) bool {
		return slices.Contains(marks, d.Hash) && s.Now().Sub(d.SeenAt) < knownFor
	})
}

// newDevice is the letter about a sign-in that is to come from a device that is not known. A user's first is no news.
func (s *Service) newDevice(ctx context.Context, u account.User, sessionID string, v session.Visit) ([]mail.Letter, error) {
	if len(u.KnownDevices) == 0 || s.known(u, s.marks(u.ID, v)) >= 0 {
		return nil, nil
	}
	secret, err := s.Grants.Give(ctx, grant.Grant{Purpose: grant.NotMe, UserID: u.ID, SessionID: sessionID, TriesLeft: 1}, NotMeLife)
	if err != nil {
		return nil, err
	}
	l := mail.To(u, mail.NewDevice)
	l.SessionID, l.Purpose, l.Token, l.At = sessionID, grant.NotMe, secret, s.Now()
	l.Device, l.Place, l.IP = device.Name(v.Device), place(v.Location), v.IP
	return []mail.Letter{l}, nil
}

func place(at *wire.Location) string {
	if at == nil {
		return ""
	}
	return strings.Join(slices.DeleteFunc([]string{at.City, at.Country}, func(s string) bool { return s == "" }), ", ")
}

// know notes a device that signed in, and forgets those that have not for long. One that cannot be noted is news again.
func (s *Service) know(ctx context.Context, u account.User, v session.Visit) {
	marks, now := s.marks(u.ID, v), s.Now()
	if i := s.known(u, marks); i >= 0 && u.KnownDevices[i].Hash == marks[0] && now.Sub(u.KnownDevices[i].SeenAt) < noteEvery {
		return
	}
	_, err := s.Accounts.Change(context.WithoutCancel(ctx), u.ID, false, func(u *account.User) error {
		kept := slices.DeleteFunc(slices.Clone(u.KnownDevices), func(d account.KnownDevice) bool {
			return slices.Contains(marks, d.Hash) || now.Sub(d.SeenAt) >= knownFor
		})
		kept = append(kept, account.KnownDevice{Hash: marks[0], SeenAt: now})
		u.KnownDevices = kept[max(0, len(kept)-maxKnown):] // the one that signed in last stands last
		return nil
	})
	if err != nil {
		s.Log.Warn("device of a sign-in not noted", "user", u.ID, "error", err)
	}
}

// NotMe ends the session that a letter about a new device was about. Its device is not known any more.
func (s *Service) NotMe(ctx context.Context, secret, ip string) error {
	g, err := s.Grants.Find(ctx, grant.NotMe, secret)
	if err != nil {
		return err
	}
	sess, _, err := s.Sessions.End(ctx, g.SessionID, session.Ending{
		Reason: "session_revoked", By: wire.By{Kind: wire.ByUser}, Note: "not me", Actor: userParty(g.UserID), IP: ip,
	})
	if err == nil {
		s.forget(ctx, sess)
	}
	if err != nil && !errors.Is(err, fault.ErrNotFound) { // an end that is long ago is as good
		return err
	}
	_, err = s.Grants.Take(context.WithoutCancel(ctx), grant.NotMe, secret)
	return err
}

// forget makes a device news again.
func (s *Service) forget(ctx context.Context, sess session.Session) {
	marks := s.marks(sess.UserID, session.Visit{IP: sess.IP, Device: sess.Device})
	_, err := s.Accounts.Change(context.WithoutCancel(ctx), sess.UserID, false, func(u *account.User) error {
		kept := slices.DeleteFunc(slices.Clone(u.KnownDevices), func(d account.KnownDevice) bool { return slices.Contains(marks, d.Hash) })
		if len(kept) == len(u.KnownDevices) {
			return account.ErrUnchanged
		}
		u.KnownDevices = kept
		return nil
	})
	if err != nil && !errors.Is(err, fault.ErrNotFound) {
		s.Log.Warn("device of a session that was not its user's is still known", "user", sess.UserID, "error", err)
	}
}
