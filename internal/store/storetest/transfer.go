package storetest

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// everyKind: what the store keeps is known here, whole, so that the tests below see all of it.
func everyKind(s suite) {
	whole := Whole(1)
	s.sameIDs("kinds", s.Kinds(), slices.Collect(maps.Keys(whole))...)
	for kind, records := range whole {
		for _, path := range zeros(kind, reflect.ValueOf(records[0])) {
			s.t.Errorf("%s is zero, so nobody would see that it is lost", path)
		}
	}
	_, _, err := s.Export(s.ctx, "nothing", "", 1)
	s.fails("export of what is no kind", err)
	s.fails("import of what is no kind", s.Import(s.ctx, "nothing", []any{1}))
	s.fails("import of another kind's record", s.Import(s.ctx, "users", whole["sessions"]))
}

func (s suite) fails(what string, err error) {
	s.t.Helper()
	if err == nil {
		s.t.Errorf("%s did not fail", what)
	}
}

// zeros are the members of v that are zero.
func zeros(path string, v reflect.Value) (paths []string) {
	switch {
	case v.IsZero():
		return []string{path}
	case v.Kind() == reflect.Pointer:
		return zeros(path, v.Elem())
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		return zeros(path, v.Index(0))
	case v.Kind() != reflect.Struct || v.Type() == reflect.TypeFor[time.Time]():
		return nil
	}
	for i := range v.NumField() {
		paths = append(paths, zeros(path+"."+v.Type().Field(i).Name, v.Field(i))...)
	}
	return paths
}

// exported is all records of a kind, read in batches of two.
func (s suite) exported(kind string) (all []any) {
	s.t.Helper()
	for mark := ""; ; {
		records, next, err := s.Export(s.ctx, kind, mark, 2)
		s.ok(err)
		if len(records) > 2 {
			s.t.Fatalf("%d %s at once", len(records), kind)
		}
		all = append(all, records...)
		if next == "" {
			return all
		}
		mark = next
	}
}

// importExport: what comes in goes out as it was, in order; twice is once; and counts are right.
func importExport(s suite) {
	for kind, records := range Whole(5) {
		n, err := s.Count(s.ctx, kind)
		s.ok(err)
		s.same(kind+", before", []any{n, len(s.exported(kind))}, []any{0, 0})
		for range 2 {
			shuffled := append(slices.Clone(records[len(records)/2:]), records[:len(records)/2]...)
			s.ok(s.Import(s.ctx, kind, shuffled))
			s.same(kind, s.exported(kind), records)
			n, err = s.Count(s.ctx, kind)
			s.ok(err)
			s.same(kind+", counted", n, len(records))
		}
		s.ok(s.Import(s.ctx, kind, nil))
	}
}

// importReplaces: an earlier state of a record leaves nothing behind.
func importReplaces(s suite) {
	u := wholeUser(1)
	u.PurgeAt = time.Time{} // lists do not show the deleted
	s.ok(s.Import(s.ctx, "users", []any{u}))
	u.Email, u.Name, u.Version, u.Identities[0].Subject = "other@example.com", "Other", 3, "other"
	s.ok(s.Import(s.ctx, "users", []any{u}))
	s.same("user", s.exported("users"), []any{u})
	for _, q := range []string{"whole", "other"} {
		page, err := s.ListUsers(s.ctx, account.Query{Q: q})
		s.ok(err)
		s.same("found by "+q, len(page.Users), map[string]int{"whole": 0, "other": 1}[q])
	}
}

// importedWorks: what was imported is found and changed like what was born here.
func importedWorks(s suite) {
	for kind, records := range Whole(3) {
		s.ok(s.Import(s.ctx, kind, records))
	}
	live := newSession(nth("usr_", 1))
	live.Version, live.ChangedAt = 12, after(time.Minute)
	s.ok(s.Import(s.ctx, "sessions", []any{live}))

	want := wholeUser(1)
	u, err := s.UserByEmail(s.ctx, want.Email)
	s.ok(err)
	s.same("user by address", u, want)
	u, err = s.UserByIdentity(s.ctx, "google", "1")
	s.ok(err)
	s.same("user by identity", u.ID, want.ID)
	u.Name, u.PurgeAt = "Renamed", time.Time{} // lists do not show the deleted
	u, err = s.ReplaceUser(s.ctx, u, true)
	s.ok(err)
	s.same("its next version", u.Version, want.Version+1)
	users, err := s.ListUsers(s.ctx, account.Query{Q: "renamed", Role: account.RoleAdmin})
	s.ok(err)
	s.sameIDs("users found", userIDs(users.Users), want.ID)

	found, err := s.ListSessions(s.ctx, session.Query{Q: "kitch"})
	s.ok(err)
	s.sameIDs("sessions found", sessionIDs(found.Sessions), live.ID)
	due, err := s.DueSessions(s.ctx, after(48*time.Hour), 10)
	s.ok(err)
	s.sameIDs("sessions due", sessionIDs(due), live.ID)
	changed, err := s.Changes(s.ctx, after(time.Second))
	s.ok(err)
	s.sameIDs("sessions changed", sessionIDs(changed.Sessions), nth("ses_", 1), nth("ses_", 2), live.ID)
	rec, err := s.ReplaceSession(s.ctx, live, false)
	s.ok(err)
	s.same("the session's next version", rec.Version, 13)

	g, err := s.TryGrant(s.ctx, grant.MFA, wholeGrant(2).Hash, epoch)
	s.ok(err)
	s.same("tries left", g.TriesLeft, 4)
	events, _, err := s.AuditEvents(s.ctx, audit.Query{Actor: nth("usr_", 2)})
	s.ok(err)
	s.same("events", events, []audit.Event{wholeEvent(2)})
	s.same("job", s.claim(outbox.Claim{Kind: outbox.Mail, Now: after(time.Minute)}).ID, nth("job_", 0))
	k, err := s.ServiceKey(s.ctx, wholeServiceKey(1).Hash)
	s.ok(err)
	s.same("service key", k, wholeServiceKey(1))
	s.ok(s.PutAdmins(s.ctx, wholeAdmins()))
	s.ok(s.PutKeyset(s.ctx, wholeKeyset(), wholeKeyset().Version))

	s.ok(s.Purge(s.ctx, after(25*time.Hour)))
	s.same("sessions left", s.exported("sessions"), []any{s.session(live.ID)})
	s.same("jobs left", len(s.exported("jobs")), 0)
}
