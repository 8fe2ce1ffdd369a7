package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"
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

// few is up to how many records a search gathers and sorts. Where there are more it walks the list from the newest on
// and looks at each, until the page is full.
const few = 300

// span is words of a kind: those from from up to, not with, to.
type span struct{ kind, from, to string }

// beginning is the words that begin with the term.
func beginning(kind, term string) span { return span{kind, term, term + string(utf8.MaxRune)} }

// exactly is the one word.
func exactly(kind, word string) span { return span{kind, word, word + "\x00"} }

func (sp span) args() []any { return []any{sp.kind, sp.from, sp.to} }

const inSpan = `kind = ? AND word >= ? AND word < ?`

// has is the condition that what the column names has a word of the span: by a look at each, or by gathering all that
// have one.
func (sp span) has(column string, walk bool) where {
	if walk {
		return where{[]string{`EXISTS (SELECT 1 FROM words WHERE ` + inSpan + ` AND id = ` + column + `)`}, sp.args()}
	}
	return where{[]string{column + ` IN (SELECT id FROM words WHERE ` + inSpan + `)`}, sp.args()}
}

// upToFew counts the rows of a query, up to one more than few.
func (s *Store) upToFew(ctx context.Context, query string, args ...any) (int, error) {
	return first(ctx, s, scanInt, fmt.Sprintf(`SELECT count(*) FROM (%s LIMIT %d)`, query, few+1), args...)
}

// ListUsers is account.Store's. A total over many may be some seconds old.
func (s *Store) ListUsers(ctx context.Context, q account.Query) (account.Page, error) {
	f := userFilter{q: words.Parse(q.Q), role: q.Role, online: q.Online, few: map[span]bool{}}
	if err := f.measure(ctx, s); err != nil {
		return account.Page{}, wrap("list users", err)
	}
	p := page{table: "users", columns: userColumns, time: "created_at", where: f.where(), cursor: q.Cursor, limit: q.Limit}
	users, next, err := readPage(ctx, s, p, scanUser, func(u account.User) position { return at(u.CreatedAt, u.ID) })
	if err != nil {
		return account.Page{}, wrap("list users", err)
	}
	f.counts = true
	total, err := s.total(ctx, p.table, f.where())
	return orZero(account.Page{Users: users, Next: next, Total: total}, wrap("list users", err))
}

type userFilter struct {
	q      words.Query
	role   string
	online *bool

	few       map[span]bool // what leaves few: these are gathered, of the others each is looked at
	fewOnline bool
	counts    bool // all are wanted: where nothing leaves few, gathering is faster
}

func (f *userFilter) spans() (all []span) {
	for _, term := range f.q.Terms {
		all = append(all, beginning(kindUser, term))
	}
	if f.role != "" {
		all = append(all, exactly(kindRole, f.role))
	}
	return all
}

// measure finds what leaves few.
func (f *userFilter) measure(ctx context.Context, s *Store) error {
	for _, sp := range f.spans() {
		n, err := s.upToFew(ctx, `SELECT 1 FROM words WHERE `+inSpan, sp.args()...)
		if err != nil {
			return err
		}
		if n <= few {
			f.few[sp] = true
		}
	}
	if f.online == nil || !*f.online {
		return nil
	}
	n, err := s.upToFew(ctx, `SELECT 1 FROM sessions WHERE ended_at = 0 AND online = 1`)
	f.fewOnline = n <= few
	return err
}

func (f *userFilter) where() where {
	w := where{conditions: []string{`purge_at = 0`}}
	gather := f.counts && len(f.few) == 0 && !f.fewOnline
	has := func(sp span) where { return sp.has("users.id", !gather && !f.few[sp]) }
	if !f.q.Any() {
		var terms where
		for _, term := range f.q.Terms {
			terms.all(has(beginning(kindUser, term)))
		}
		w.either(where{[]string{`users.id = ?`}, []any{f.q.Whole}}, terms)
	}
	if f.role != "" {
		w.all(has(exactly(kindRole, f.role)))
	}
	const online = `users.id IN (SELECT user_id FROM sessions WHERE ended_at = 0 AND online = 1)`
	switch {
	case f.fewOnline:
		w.and(online)
	case f.online != nil:
		w.and(`? = (`+online+`)`, *f.online)
	}
	return w
}

// ListSessions is session.Store's. It lists those that have not ended. A total over many may be some seconds old.
func (s *Store) ListSessions(ctx context.Context, q session.Query) (session.Page, error) {
	f := sessionFilter{Query: words.Parse(q.Q), userID: q.UserID, online: q.Online}
	walk, err := f.wide(ctx, s)
	if err != nil {
		return session.Page{}, wrap("list sessions", err)
	}
	p := page{table: "sessions", columns: sessionColumns, time: "created_at", where: f.where(walk), cursor: q.Cursor, limit: q.Limit}
	sessions, next, err := readPage(ctx, s, p, scanSession, func(r session.Session) position { return at(r.CreatedAt, r.ID) })
	if err != nil {
		return session.Page{}, wrap("list sessions", err)
	}
	total, err := s.total(ctx, p.table, f.where(q.UserID != ""))
	return orZero(session.Page{Sessions: sessions, Next: next, Total: total}, wrap("list sessions", err))
}

// sessionFilter finds each term in the session's words or in its owner's.
type sessionFilter struct {
	words.Query
	userID string
	online *bool
}

// wide tells whether the search leaves many, and brings the term that leaves fewest to the front. The sessions of one
// user are looked at each.
func (f *sessionFilter) wide(ctx context.Context, s *Store) (bool, error) {
	if f.Any() || f.userID != "" {
		return true, nil
	}
	found := make(map[string]int, len(f.Terms))
	for _, term := range f.Terms {
		for _, kind := range []string{kindSession, kindUser} {
			n, err := s.upToFew(ctx, `SELECT 1 FROM words WHERE `+inSpan, beginning(kind, term).args()...)
			if err != nil {
				return false, err
			}
			found[term] += n
		}
	}
	f.Terms = slices.SortedFunc(slices.Values(f.Terms), func(a, b string) int { return found[a] - found[b] })
	n, err := s.upToFew(ctx, `SELECT 1 FROM sessions WHERE ended_at = 0 AND ip = ?`, f.Whole)
	return n > few || found[f.Terms[0]] > few, err
}

func (f sessionFilter) where(walk bool) where {
	w := where{conditions: []string{`ended_at = 0`}}
	if !f.Any() {
		w.either(f.whole(walk), f.terms(walk))
	}
	if f.userID != "" {
		w.and(`sessions.user_id = ?`, f.userID)
	}
	if f.online != nil {
		w.and(`online = ?`, *f.online)
	}
	return w
}

// whole is that what was typed is an id or an address. SQLite finds alternatives by several indexes, but not by one that
// has only some of the rows, such as that of addresses, unless it is asked apart.
func (f sessionFilter) whole(walk bool) where {
	at := `sessions.ip = ?`
	if !walk {
		at = `sessions.id IN (SELECT id FROM sessions WHERE ended_at = 0 AND ip = ?)`
	}
	return where{[]string{`sessions.id = ? OR sessions.user_id = ? OR ` + at}, []any{f.Whole, f.Whole, f.Whole}}
}

// terms is that all terms are found. Where what they find is gathered, it is what the first one finds, of which each is
// looked at for the others: SQLite gathers by several indexes where the alternatives stand side by side.
func (f sessionFilter) terms(walk bool) where {
	var all where
	for i, term := range f.Terms {
		each := walk || i > 0
		one := beginning(kindSession, term).has("sessions.id", each)
		all.and(one.conditions[0]+` OR `+beginning(kindUser, term).has("sessions.user_id", each).conditions[0],
			append(one.args, beginning(kindUser, term).args()...)...)
	}
	for i := range all.conditions {
		all.conditions[i] = `(` + all.conditions[i] + `)`
	}
	if walk || len(f.Terms) == 1 {
		return all
	}
	gathered := `sessions.id IN (SELECT sessions.id FROM sessions WHERE ended_at = 0 AND ` + strings.Join(all.conditions, ` AND `) + `)`
	return where{[]string{gathered}, all.args}
}
