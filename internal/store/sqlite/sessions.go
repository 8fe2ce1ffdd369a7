package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/words"
)

const (
	traceColumns   = `last_seen_at, ip, user_agent, location, acked, online, online_seq`
	sessionColumns = `version, changed_at, body, ` + traceColumns
	sessionByID    = `SELECT ` + sessionColumns + ` FROM sessions WHERE id = ?`
	touchBatch     = 50 // sessions of one write: whoever comes meanwhile waits for no more. With 500 that was 5 to 10 ms
)

func scanSession(r *sql.Rows) (s session.Session, err error) {
	var (
		version int
		changed int64
		body    []byte
		trace   trace
	)
	if err := r.Scan(append([]any{&version, &changed, &body}, trace.dest()...)...); err != nil {
		return s, err
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return s, err
	}
	s.Version, s.ChangedAt = version, fromMicros(changed)
	return s, trace.apply(&s)
}

// trace is a row of traceColumns.
type trace struct {
	seen     int64
	ip, ua   string
	location string
	acked    int
	online   bool
	seq      int64
}

func (t *trace) dest() []any {
	return []any{&t.seen, &t.ip, &t.ua, &t.location, &t.acked, &t.online, &t.seq}
}

func (t *trace) apply(s *session.Session) error {
	s.LastSeenAt, s.IP, s.UserAgent, s.Location = fromMicros(t.seen), t.ip, t.ua, nil
	s.Acked, s.Online, s.OnlineSeq = t.acked, t.online, t.seq
	if t.location == "" {
		return nil
	}
	return json.Unmarshal([]byte(t.location), &s.Location)
}

// InsertSession is session.Store's.
func (s *Store) InsertSession(ctx context.Context, rec session.Session) (session.Session, error) {
	rec.Version = 1
	err := s.write(ctx, "insert session", func(t *tx) error {
		rec.ChangedAt = s.clock.read()
		return insertSession(t, rec)
	})
	return orZero(rec, err)
}

func insertSession(t *tx, s session.Session) error {
	body, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO sessions (id, user_id, version, created_at, ends_at, ended_at, purge_at, changed_at, body, `+traceColumns+`)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		s.ID, s.UserID, s.Version, micros(s.CreatedAt), micros(s.End()), micros(s.EndedAt), micros(s.PurgeAt), micros(s.ChangedAt), string(body),
		micros(s.LastSeenAt), s.IP, s.UserAgent, location(s), s.Acked, s.Online, s.OnlineSeq)
	if err != nil {
		return err
	}
	return setWords(t, kindSession, s.ID, words.Name(s.Name))
}

func location(s session.Session) string {
	if s.Location == nil {
		return ""
	}
	b, _ := json.Marshal(s.Location) // of strings, never fails
	return string(b)
}

// Session is session.Store's.
func (s *Store) Session(ctx context.Context, id string) (session.Session, error) {
	rec, err := first(ctx, s, scanSession, sessionByID, id)
	return orZero(rec, wrap("read session", orNotFound(err)))
}

// ReplaceSession is session.Store's. What it returns has the traces as they are stored.
func (s *Store) ReplaceSession(ctx context.Context, rec session.Session, stamp bool) (session.Session, error) {
	body, err := json.Marshal(rec)
	if err != nil {
		return session.Session{}, wrap("replace session", err)
	}
	err = s.write(ctx, "replace session", func(t *tx) error {
		var (
			changed int64
			trace   trace
		)
		err := t.one(append([]any{&changed}, trace.dest()...), `UPDATE sessions SET version = version + 1, body = ?, ends_at = ?, ended_at = ?,
			purge_at = ?, changed_at = coalesce(?, changed_at) WHERE id = ? AND version = ? RETURNING changed_at, `+traceColumns,
			string(body), micros(rec.End()), micros(rec.EndedAt), micros(rec.PurgeAt), s.stamp(stamp), rec.ID, rec.Version)
		if err != nil {
			return movedOrNotFound(t, `SELECT 1 FROM sessions WHERE id = ?`, rec.ID, err)
		}
		rec.Version, rec.ChangedAt = rec.Version+1, fromMicros(changed)
		if err := trace.apply(&rec); err != nil {
			return err
		}
		return setWords(t, kindSession, rec.ID, words.Name(rec.Name))
	})
	return orZero(rec, err)
}

// EndSession is session.Store's.
func (s *Store) EndSession(ctx context.Context, id string, e session.End) (rec session.Session, ended bool, err error) {
	patch, err := json.Marshal(e)
	if err != nil {
		return session.Session{}, false, wrap("end session", err)
	}
	due := int64(math.MaxInt64)
	if !e.Due.IsZero() {
		due = micros(e.Due)
	}
	err = s.write(ctx, "end session", func(t *tx) error {
		rec, err = only(t, scanSession, `UPDATE sessions SET version = version + 1, body = json_patch(body, ?), ended_at = ?, purge_at = ?, changed_at = ?
			WHERE id = ? AND ended_at = 0 AND ends_at <= ? RETURNING `+sessionColumns,
			string(patch), micros(e.At), micros(e.PurgeAt), micros(s.clock.read()), id, due)
		if ended = err == nil; errors.Is(err, sql.ErrNoRows) {
			rec, err = only(t, scanSession, sessionByID, id)
		}
		return orNotFound(err)
	})
	rec, err = orZero(rec, err)
	return rec, ended && err == nil, err
}

// SessionsOf is session.Store's.
func (s *Store) SessionsOf(ctx context.Context, userID string, also ...string) ([]session.Session, error) {
	const query = `SELECT ` + sessionColumns + ` FROM sessions
		WHERE user_id = ? AND (ended_at = 0 OR id IN (SELECT value FROM json_each(?)))`
	out, err := read(ctx, s, scanSession, query, userID, list(also))
	return out, wrap("read sessions of user", err)
}

// DueSessions is session.Store's.
func (s *Store) DueSessions(ctx context.Context, now time.Time, limit int) ([]session.Session, error) {
	const query = `SELECT ` + sessionColumns + ` FROM sessions WHERE ended_at = 0 AND ends_at <= ? ORDER BY ends_at LIMIT ?`
	out, err := read(ctx, s, scanSession, query, micros(now), limit)
	return out, wrap("read due sessions", err)
}

// Touch is session.Store's. Long batches are written in several steps.
func (s *Store) Touch(ctx context.Context, traces []session.Trace) error {
	for batch := range slices.Chunk(traces, touchBatch) {
		err := s.write(ctx, "touch sessions", func(t *tx) error {
			for _, trace := range batch {
				if err := touch(t, trace); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func touch(t *tx, trace session.Trace) error {
	_, err := t.exec(`UPDATE sessions SET last_seen_at = max(last_seen_at, ?2), acked = max(acked, ?3),
		online = iif(?5 > online_seq, ?4, online), online_seq = max(online_seq, ?5) WHERE id = ?1`,
		trace.SessionID, micros(trace.LastSeenAt), trace.Acked, trace.Online, trace.OnlineSeq)
	if err != nil || trace.IP == "" {
		return err
	}
	_, err = t.exec(`UPDATE sessions SET ip = ?, user_agent = ?, location = ? WHERE id = ? AND ended_at = 0`,
		trace.IP, trace.UserAgent, location(session.Session{Location: trace.Location}), trace.SessionID)
	return err
}

// StripSessions is session.Store's.
func (s *Store) StripSessions(ctx context.Context, userID string) error {
	return s.write(ctx, "strip sessions", func(t *tx) error {
		if _, err := t.exec(`DELETE FROM words WHERE kind = ? AND id IN (SELECT id FROM sessions WHERE user_id = ?)`, kindSession, userID); err != nil {
			return err
		}
		_, err := t.exec(`UPDATE sessions SET version = version + 1, ip = '', user_agent = '', location = '',
			body = json_set(body, '$.name', '', '$.device', json('{"browser":"","os":"","kind":"unknown"}')) WHERE user_id = ?`, userID)
		return err
	})
}

// ResetOnline writes every session offline, for when the only node starts. What presence says from now on counts,
// also if its sequence is lower than before because the clock was set back.
func (s *Store) ResetOnline(ctx context.Context) error {
	return s.write(ctx, "reset online", func(t *tx) error {
		_, err := t.exec(`UPDATE sessions SET online = 0, online_seq = 0 WHERE online <> 0 OR online_seq <> 0`)
		return err
	})
}
