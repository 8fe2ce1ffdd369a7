package gatehouse_test

import (
	"net/http"
	"testing"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/staff"
)

// scene is who takes part in the end of a session.
type scene struct {
	*lab
	admin, moderator *device
	victim, other    *device // of one user
}

// ways of ending the victim's session.
var ways = map[string]struct {
	end      func(s *scene)
	code     wire.CloseCode
	by       string
	everyone bool // the other device ends too, with otherCode
	other    wire.CloseCode
}{
	"ended from another device": {
		end:  func(s *scene) { s.other.ok("DELETE", "/auth/sessions/"+s.victim.session.ID, nil) },
		code: wire.CloseSessionRevoked, by: wire.ByUser,
	},
	"another device signs all others out": {
		end:  func(s *scene) { s.other.ok("POST", "/auth/logout/others", nil) },
		code: wire.CloseSessionRevoked, by: wire.ByUser,
	},
	"another device signs everything out": {
		end:  func(s *scene) { s.other.ok("POST", "/auth/logout/all", nil) },
		code: wire.CloseSessionRevoked, by: wire.ByUser, everyone: true, other: wire.CloseSignedOut,
	},
	"signs out": {
		end:  func(s *scene) { s.victim.ok("POST", "/auth/logout", nil) },
		code: wire.CloseSignedOut, by: wire.BySelf,
	},
	"signs out by its refresh token": {
		end: func(s *scene) {
			s.want(http.StatusNoContent, "", "POST", "/auth/logout", "", object{"refresh_token": s.victim.refreshToken})
		},
		code: wire.CloseSignedOut, by: wire.BySelf,
	},
	"ends its own session by id": {
		end:  func(s *scene) { s.victim.ok("DELETE", "/auth/sessions/"+s.victim.session.ID, nil) },
		code: wire.CloseSignedOut, by: wire.BySelf,
	},
	"kicked by an admin": {
		end:  func(s *scene) { s.admin.ok("DELETE", "/admin/sessions/"+s.victim.session.ID, nil) },
		code: wire.CloseKicked, by: wire.ByAdmin,
	},
	"kicked by a moderator": {
		end:  func(s *scene) { s.moderator.ok("DELETE", "/admin/sessions/"+s.victim.session.ID, nil) },
		code: wire.CloseKicked, by: wire.ByAdmin,
	},
	"kicked with all its user's devices": {
		end:  func(s *scene) { s.admin.ok("DELETE", "/admin/users/"+s.victim.user.ID+"/sessions", nil) },
		code: wire.CloseKicked, by: wire.ByAdmin, everyone: true, other: wire.CloseKicked,
	},
	"password changed on another device": {
		end: func(s *scene) {
			s.other.ok("POST", "/auth/password", object{"current_password": password, "new_password": "another " + password})
		},
		code: wire.CloseCredentialsChanged, by: wire.ByUser,
	},
	"user disabled": {
		end:  func(s *scene) { s.admin.ok("POST", "/admin/users/"+s.victim.user.ID+"/disable", nil) },
		code: wire.CloseAccountDisabled, by: wire.ByAdmin, everyone: true, other: wire.CloseAccountDisabled,
	},
	"refresh token replayed": {
		end: func(s *scene) {
			stolen := *s.victim
			s.victim.refresh()
			s.victim.refresh()
			stolen.over("token_reuse")
		},
		code: wire.CloseTokenReuse, by: wire.BySystem,
	},
}

// TestEveryWayASessionEnds holds all of them to the same: both its sockets close with the code and are told why, its
// access token is dead for the next request and for handshakes, its refresh tells the reason, and its user's other
// device sees it go, or goes too.
func TestEveryWayASessionEnds(t *testing.T) {
	t.Parallel()
	l := openLab(t)
	admin, moderator := l.staff("admin"), l.staff("moderator")
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			in := *l
			in.t = t
			s := &scene{lab: &in, admin: admin.in(&in), moderator: moderator.in(&in), other: in.register("Other")}
			s.victim = s.other.other("Victim")
			tabs := []*socket{s.victim.watch(), s.victim.connect()}
			watcher := s.other.watch()
			way.end(s)
			s.victim.refused("session_revoked")
			for _, tab := range tabs {
				last := tab.closed(way.code)
				if last.Type != wire.TypeSessionEnded || last.Reason != way.code.Name() || last.By.Kind != way.by {
					t.Errorf("before the close came %s", last.raw)
				}
			}
			s.dial(wire.BearerPrefix+s.victim.access, nil).closed(way.code)
			s.victim.over(way.code.Name())
			if way.everyone {
				watcher.closed(way.other)
				s.other.over(way.other.Name())
				return
			}
			if f := watcher.change(wire.ChangeRemoved, s.victim.session.ID); f.Device.EndReason != way.code.Name() || f.Device.EndedAt == nil {
				t.Errorf("the other device was told %s", f.raw)
			}
			watcher.works()
			s.other.refresh()
		})
	}
}

// in is the device for a part of the test.
func (d *device) in(l *lab) *device {
	own := *d
	own.lab = l
	return &own
}

// TestSessionEndsWithItsLifetime waits for the ends that nobody calls for. In the second case a refresh comes before.
func TestSessionEndsWithItsLifetime(t *testing.T) {
	for name, flags := range map[string][]string{
		"unused too long":                        {"--access-ttl=4s", "--refresh-ttl=4s"},
		"as old as it may get, whatever it does": {"--access-ttl=3s", "--refresh-ttl=6s", "--session-ttl=6s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := openLab(t, flags...)
			d := l.register("Phone")
			s := d.connect()
			if l.cfg.SessionTTL == l.cfg.RefreshTTL {
				s.expect(wire.TypeAuthExpiring)
				d.refresh()
			}
			last := s.closed(wire.CloseSessionExpired)
			if last.Type != wire.TypeSessionEnded || last.By.Kind != wire.BySystem {
				t.Errorf("before the close came %s", last.raw)
			}
			if lived := s.at.Sub(d.session.CreatedAt.Std()); lived < l.cfg.RefreshTTL {
				t.Errorf("it ended after %v", lived)
			}
			d.over("session_expired")
		})
	}
}

// TestRecordedEndOutlivesTheNode restarts the node: it knows who had been signed out.
func TestRecordedEndOutlivesTheNode(t *testing.T) {
	t.Parallel()
	l := openLab(t)
	d := l.register("Phone")
	other := d.other("Laptop")
	must(t, l.shell().Staff.EndSession(t.Context(), staff.Shell, d.session.ID, staff.Why{}))
	l.drain()
	l.start()
	d.refused("session_revoked")
	d.over("kicked")
	l.dial(wire.BearerPrefix+d.access, nil).closed(wire.CloseKicked)
	other.ok("GET", "/auth/me", nil)
}
