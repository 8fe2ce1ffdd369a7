// Package storetest is what every store must do, as tests: one suite for all of them.
package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/revocation"
	"github.com/gatehouse-dev/gatehouse/internal/servicekey"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/token"
	"github.com/gatehouse-dev/gatehouse/internal/transfer"
	"github.com/gatehouse-dev/gatehouse/internal/webhook"
)

// Store is all that a store keeps.
type Store interface {
	account.Store
	session.Store
	grant.Store
	audit.Store
	revocation.Source
	outbox.Store
	webhook.Store
	servicekey.Store
	transfer.Records
	// Keyset answers fault.ErrNotFound before there is one.
	Keyset(ctx context.Context) (token.Record, error)
	// PutKeyset stores rec as version from+1 in one compare-and-set: fault.ErrMoved.
	PutKeyset(ctx context.Context, rec token.Record, from int) error
	// InsertBulk inserts as InsertUser and InsertSession do, but fast.
	InsertBulk(ctx context.Context, users []account.User, sessions []session.Session) error
	// ResetOnline writes every session offline, by a presence sequence before any other.
	ResetOnline(ctx context.Context) error
	// Purge removes ended sessions, jobs that are over and deleted users at their PurgeAt, and expired grants.
	Purge(ctx context.Context, now time.Time) error
	Ping(ctx context.Context) error
	// Close closes the store: later calls answer fault.ErrUnavailable.
	Close() error
}

// racers is how many callers race for one thing.
const racers = 16

// suite is one test's store and the clock it was opened with.
type suite struct {
	Store
	t     *testing.T
	ctx   context.Context
	clock *clock
}

// Run runs the suite. Each test opens a store of its own, which must be empty; open sees to its closing.
func Run(t *testing.T, open func(t *testing.T, now func() time.Time) Store) {
	tests := []struct {
		name string
		run  func(suite)
	}{
		{"User", user},
		{"UserNotFound", userNotFound},
		{"UsersByID", usersByID},
		{"EmailIsUnique", emailIsUnique},
		{"Identities", identities},
		{"ReplaceUser", replaceUser},
		{"GoneUsers", goneUsers},
		{"Admins", admins},
		{"Keyset", keyset},
		{"Session", sessionRoundTrip},
		{"ReplaceSession", replaceSession},
		{"ReplaceKeepsTraces", replaceKeepsTraces},
		{"EndSession", endSession},
		{"EndSessionIfDue", endSessionIfDue},
		{"SessionsOf", sessionsOf},
		{"DueSessions", dueSessions},
		{"Touch", touch},
		{"TouchMany", touchMany},
		{"StripSessions", stripSessions},
		{"ResetOnline", resetOnline},
		{"Grant", grantRoundTrip},
		{"GrantExpires", grantExpires},
		{"DeleteGrants", deleteGrants},
		{"Audit", auditRoundTrip},
		{"AuditFilters", auditFilters},
		{"Job", job},
		{"ClaimJob", claimJob},
		{"JobsDue", jobsDue},
		{"ClaimLeavesSubjects", claimLeavesSubjects},
		{"LeaseRunsOut", leaseRunsOut},
		{"ReplaceJob", replaceJob},
		{"HastenJobs", hastenJobs},
		{"JobsBySubject", jobsBySubject},
		{"ListJobs", listJobs},
		{"PurgeJobs", purgeJobs},
		{"Webhooks", webhooks},
		{"ServiceKeys", serviceKeys},
		{"Changes", changes},
		{"ChangesBut", changesBut},
		{"ChangesButMany", changesButMany},
		{"Purge", purge},
		{"Moved", moved},
		{"InsertBulk", insertBulk},
		{"EveryKind", everyKind},
		{"ImportExport", importExport},
		{"ImportReplaces", importReplaces},
		{"ImportedWorks", importedWorks},
		{"ListUsers", listUsers},
		{"ListSessions", listSessions},
		{"SearchFollowsChanges", searchFollowsChanges},
		{"Pages", pages},
		{"PagesWhileInserting", pagesWhileInserting},
		{"BadCursor", badCursor},
		{"Races", races},
		{"RaceOfTries", raceOfTries},
		{"RaceOfTouchAndReplace", raceOfTouchAndReplace},
		{"RaceOfEnds", raceOfEnds},
		{"RaceOfEndsAndRefreshes", raceOfEndsAndRefreshes},
		{"RaceOfClaims", raceOfClaims},
		{"RaceOfTakers", raceOfTakers},
		{"AuditOfOneFact", auditOfOneFact},
		{"SeenOnceAcknowledged", seenOnceAcknowledged},
		{"FollowingMissesNothing", followingMissesNothing},
		{"RaceOfClose", raceOfClose},
		{"CancelledWritesNothing", cancelledWritesNothing},
		{"Closed", closed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := &clock{t: epoch}
			tt.run(suite{Store: open(t, c.now), t: t, ctx: t.Context(), clock: c})
		})
	}
}

// clock is the time that the store is told.
type clock struct {
	mu sync.Mutex // guards the following
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// later is the store's clock, after every stamp so far. It waits for a store whose clock is not the one it was told.
func (s suite) later() time.Time {
	s.t.Helper()
	for before := s.storeClock(); ; {
		s.clock.advance(time.Second)
		if now := s.storeClock(); now.After(before) {
			return now
		}
	}
}

func (s suite) storeClock() time.Time {
	s.t.Helper()
	c, err := s.Changes(s.ctx, time.Time{})
	s.ok(err)
	return c.Now
}

// ok ends the test when something failed that should not.
func (s suite) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// is checks an error.
func (s suite) is(err, want error) {
	s.t.Helper()
	if !errors.Is(err, want) {
		s.t.Errorf("error is %v, want %v", err, want)
	}
}

// race lets callers do the same at once, and returns what each got.
func race(n int, do func(i int) error) []error {
	errs := make([]error, n)
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			errs[i] = do(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	return errs
}

func closed(s suite) {
	u, rec := s.putUser(), s.putSession()
	s.ok(s.Ping(s.ctx))
	s.ok(s.Close())
	_, err := s.User(s.ctx, u.ID)
	s.is(err, fault.ErrUnavailable)
	_, err = s.ReplaceSession(s.ctx, rec, true)
	s.is(err, fault.ErrUnavailable)
	_, err = s.Moved(s.ctx)
	s.is(err, fault.ErrUnavailable)
	s.is(s.Ping(s.ctx), fault.ErrUnavailable)
	s.ok(s.Close())
}

func cancelledWritesNothing(s suite) {
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	u := newUser("ada@example.com")
	_, err := s.InsertUser(ctx, u)
	s.is(err, context.Canceled)
	_, err = s.User(s.ctx, u.ID)
	s.is(err, fault.ErrNotFound)
}
