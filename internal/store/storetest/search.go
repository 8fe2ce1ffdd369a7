package storetest

import (
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

var yes, no = true, false

// people are three users and their sessions: Ada online with two, Bob offline with one, Cyd with an ended one.
type people struct {
	ada, bob, cyd        account.User
	phone, laptop, kiosk session.Session
}

func (s suite) people() (p people) {
	s.t.Helper()
	user := func(email, name string, roles ...string) account.User {
		u := newUser(email)
		u.Name, u.Roles = name, append(roles, account.RoleUser)
		return s.insertUser(u)
	}
	p.ada = user("ada.love-lace+x_y@example.com", "Ada King", account.RoleAdmin)
	p.bob = user("bob@mail.example.org", "Ångström \"Bob\" 100%", account.RoleModerator, account.RoleAdmin)
	p.cyd = user("cyd@example.com", "")
	device := func(u account.User, name, ip string, online bool) session.Session {
		rec := newSession(u.ID)
		rec.Name, rec.IP, rec.Online = name, ip, online
		return rec
	}
	p.phone = s.insertSession(device(p.ada, "Ada's phone", "192.0.2.1", true))
	p.laptop = s.insertSession(device(p.ada, "Büro_Laptop", "2001:db8::1", false))
	p.kiosk = s.insertSession(device(p.bob, "", "192.0.2.10", false))
	s.insertSession(end(device(p.cyd, "Gone phone", "192.0.2.1", true), epoch))
	return p
}

func listUsers(s suite) {
	p := s.people()
	a, b, c := p.ada.ID, p.bob.ID, p.cyd.ID
	tests := []struct {
		name  string
		query account.Query
		want  []string
	}{
		{"all", account.Query{}, []string{a, b, c}},
		{"blank", account.Query{Q: " \t"}, []string{a, b, c}},
		{"beginning of a part", account.Query{Q: "LOV"}, []string{a}},
		{"part behind a dash", account.Query{Q: "lace"}, []string{a}},
		{"part behind a plus", account.Query{Q: "x"}, []string{a}},
		{"part behind an underscore", account.Query{Q: "y"}, []string{a}},
		{"a whole part", account.Query{Q: "example"}, []string{a, b, c}},
		{"top-level domain", account.Query{Q: "org"}, []string{b}},
		{"the whole address", account.Query{Q: "Ada.Love-Lace+x_y@example.com"}, []string{a}},
		{"its beginning", account.Query{Q: "cyd@ex"}, []string{c}},
		{"the middle of a word", account.Query{Q: "ovel"}, nil},
		{"from the middle on", account.Query{Q: "lace+x"}, nil},
		{"name", account.Query{Q: "kin"}, []string{a}},
		{"unicode name", account.Query{Q: "ÅNG"}, []string{b}},
		{"quoted name", account.Query{Q: "bob"}, []string{b}},
		{"two words", account.Query{Q: "king example"}, []string{a}},
		{"two words of two people", account.Query{Q: "king bob"}, nil},
		{"percent is no wildcard", account.Query{Q: "%"}, nil},
		{"percent is plain", account.Query{Q: "100%"}, []string{b}},
		{"underscore is no wildcard", account.Query{Q: "_da"}, nil},
		{"quote", account.Query{Q: "'"}, nil},
		{"whole id", account.Query{Q: b}, []string{b}},
		{"beginning of an id", account.Query{Q: b[:20]}, nil},
		{"admins", account.Query{Role: account.RoleAdmin}, []string{a, b}},
		{"moderators", account.Query{Role: account.RoleModerator}, []string{b}},
		{"unknown role", account.Query{Role: "adm"}, nil},
		{"a role is no word", account.Query{Q: "moderator"}, nil},
		{"online", account.Query{Online: &yes}, []string{a}},
		{"offline", account.Query{Online: &no}, []string{b, c}},
		{"together", account.Query{Q: "example", Role: account.RoleAdmin, Online: &no}, []string{b}},
	}
	for _, tt := range tests {
		page, err := s.ListUsers(s.ctx, tt.query)
		s.ok(err)
		s.sameIDs(tt.name, userIDs(page.Users), tt.want...)
		s.same(tt.name+": total", page.Total, len(tt.want))
	}
}

func listSessions(s suite) {
	p := s.people()
	a1, a2, b := p.phone.ID, p.laptop.ID, p.kiosk.ID
	tests := []struct {
		name  string
		query session.Query
		want  []string
	}{
		{"all live ones", session.Query{}, []string{a1, a2, b}},
		{"device name", session.Query{Q: "Pho"}, []string{a1}},
		{"with its punctuation", session.Query{Q: "ada's"}, []string{a1}},
		{"part of a name", session.Query{Q: "laptop"}, []string{a2}},
		{"unicode", session.Query{Q: "BÜRO"}, []string{a2}},
		{"owner's address", session.Query{Q: "love"}, []string{a1, a2}},
		{"owner's name", session.Query{Q: "ångström"}, []string{b}},
		{"of device and owner", session.Query{Q: "king phone"}, []string{a1}},
		{"of different devices", session.Query{Q: "bob phone"}, nil},
		{"address", session.Query{Q: "192.0.2.1"}, []string{a1}},
		{"address in another form", session.Query{Q: "2001:DB8:0::1"}, []string{a2}},
		{"beginning of an address", session.Query{Q: "192.0.2"}, nil},
		{"session id", session.Query{Q: a2}, []string{a2}},
		{"user id", session.Query{Q: p.ada.ID}, []string{a1, a2}},
		{"wildcard", session.Query{Q: "%"}, nil},
		{"of a user", session.Query{UserID: p.bob.ID}, []string{b}},
		{"of a user without", session.Query{UserID: p.cyd.ID}, nil},
		{"online", session.Query{Online: &yes}, []string{a1}},
		{"offline", session.Query{Online: &no}, []string{a2, b}},
		{"together", session.Query{Q: "example", Online: &no, UserID: p.ada.ID}, []string{a2}},
	}
	for _, tt := range tests {
		page, err := s.ListSessions(s.ctx, tt.query)
		s.ok(err)
		s.sameIDs(tt.name, sessionIDs(page.Sessions), tt.want...)
		s.same(tt.name+": total", page.Total, len(tt.want))
	}
}

func searchFollowsChanges(s suite) {
	u, rec := s.insertUser(newUser("old@example.com")), newSession("")
	rec.UserID = u.ID
	rec = s.insertSession(rec)
	u.Email, u.Name, u.Roles = "new@example.com", "Grace", []string{account.RoleModerator}
	_, err := s.ReplaceUser(s.ctx, u, false)
	s.ok(err)
	rec.Name = "Car"
	rec, err = s.ReplaceSession(s.ctx, rec, false)
	s.ok(err)
	s.ok(s.Touch(s.ctx, []session.Trace{{SessionID: rec.ID, IP: "203.0.113.9", Online: false, OnlineSeq: rec.OnlineSeq + 1}}))

	for q, want := range map[string]bool{"old": false, "ada": false, "new": true, "grace": true, "kitchen": false, "car": true, "192.0.2.7": false, "203.0.113.9": true} {
		page, err := s.ListSessions(s.ctx, session.Query{Q: q})
		s.ok(err)
		s.same("sessions by "+q, page.Total == 1, want)
	}
	for role, want := range map[string]int{account.RoleUser: 0, account.RoleModerator: 1} {
		page, err := s.ListUsers(s.ctx, account.Query{Role: role, Online: &no})
		s.ok(err)
		s.same("role "+role, page.Total, want)
	}
	_, err = s.ReplaceSession(s.ctx, end(rec, epoch), true)
	s.ok(err)
	page, err := s.ListSessions(s.ctx, session.Query{Q: "car"})
	s.ok(err)
	s.same("an ended one", page.Total, 0)
}
