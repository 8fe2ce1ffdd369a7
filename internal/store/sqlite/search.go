package sqlite

import (
	"context"
	"slices"
	"unicode/utf8"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/words"
)

// The kinds of words.
const (
	kindUser    = "user"
	kindSession = "session"
	kindRole    = "role"
)

// setWords makes want the words of an id. Mostly they are already: a refresh renames nothing.
func setWords(t *tx, kind, id string, want []string) error {
	have, err := t.texts(`SELECT word FROM words WHERE kind = ? AND id = ?`, kind, id)
	if err != nil {
		return err
	}
	for _, word := range have {
		if slices.Contains(want, word) {
			continue
		}
		if _, err := t.exec(`DELETE FROM words WHERE kind = ? AND id = ? AND word = ?`, kind, id, word); err != nil {
			return err
		}
	}
	for _, word := range want {
		if slices.Contains(have, word) {
			continue
		}
		if _, err := t.exec(`INSERT INTO words (kind, id, word) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, kind, id, word); err != nil {
			return err
		}
	}
	return nil
}

const begins = `IN (SELECT id FROM words WHERE kind = ? AND word >= ? AND word < ?)`

// beginning is the parameters of begins: the words from the term to the last one that begins with it.
func beginning(kind, term string) []any { return []any{kind, term, term + string(utf8.MaxRune)} }

// ListUsers is account.Store's.
func (s *Store) ListUsers(ctx context.Context, q account.Query) (account.Page, error) {
	w := where{conditions: []string{`purge_at = 0`}}
	searchUsers(&w, words.Parse(q.Q))
	if q.Role != "" {
		w.and(`id IN (SELECT id FROM words WHERE kind = ? AND word = ?)`, kindRole, q.Role)
	}
	if q.Online != nil {
		w.and(`? = (id IN (SELECT user_id FROM sessions WHERE ended_at = 0 AND online = 1))`, *q.Online)
	}
	p := page{table: "users", columns: userColumns, time: "created_at", where: w, cursor: q.Cursor, limit: q.Limit}
	users, next, err := readPage(ctx, s, p, scanUser, func(u account.User) position { return at(u.CreatedAt, u.ID) })
	if err != nil {
		return account.Page{}, wrap("list users", err)
	}
	total, err := s.total(ctx, p)
	return orZero(account.Page{Users: users, Next: next, Total: total}, wrap("list users", err))
}

func searchUsers(w *where, q words.Query) {
	if q.Any() {
		return
	}
	var terms where
	for _, term := range q.Terms {
		terms.and(`id `+begins, beginning(kindUser, term)...)
	}
	w.either(where{[]string{`id = ?`}, []any{q.Whole}}, terms)
}

// ListSessions is session.Store's. It lists those that have not ended.
func (s *Store) ListSessions(ctx context.Context, q session.Query) (session.Page, error) {
	w := where{conditions: []string{`ended_at = 0`}}
	searchSessions(&w, words.Parse(q.Q))
	if q.UserID != "" {
		w.and(`user_id = ?`, q.UserID)
	}
	if q.Online != nil {
		w.and(`online = ?`, *q.Online)
	}
	p := page{table: "sessions", columns: sessionColumns, time: "created_at", where: w, cursor: q.Cursor, limit: q.Limit}
	sessions, next, err := readPage(ctx, s, p, scanSession, func(r session.Session) position { return at(r.CreatedAt, r.ID) })
	if err != nil {
		return session.Page{}, wrap("list sessions", err)
	}
	total, err := s.total(ctx, p)
	return orZero(session.Page{Sessions: sessions, Next: next, Total: total}, wrap("list sessions", err))
}

// searchSessions finds each term in the session's words or in its owner's.
func searchSessions(w *where, q words.Query) {
	if q.Any() {
		return
	}
	var terms where
	for _, term := range q.Terms {
		terms.and(`(id `+begins+` OR user_id `+begins+`)`, append(beginning(kindSession, term), beginning(kindUser, term)...)...)
	}
	w.either(where{[]string{`? IN (id, user_id, ip)`}, []any{q.Whole}}, terms)
}
