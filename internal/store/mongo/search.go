package mongo

import (
	"context"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/words"
)

// ListUsers is account.Store's.
func (s *Store) ListUsers(ctx context.Context, q account.Query) (account.Page, error) {
	return call(ctx, "list users", func(ctx context.Context) (out account.Page, err error) {
		p := page{in: s.users, filter: append(bson.D{live}, userFilter(q)...), time: birth, cursor: q.Cursor, limit: q.Limit}
		total := p.total
		if q.Online != nil {
			if total, err = s.choosePresent(ctx, &p, *q.Online); err != nil {
				return out, err
			}
		}
		out.Users, out.Next, err = readPage(ctx, p, userDoc.user, func(u account.User) position { return at(u.CreatedAt, u.ID) })
		if err == nil {
			out.Total, err = total(ctx)
		}
		return out, err
	})
}

func userFilter(q account.Query) (filter bson.D) {
	if search := words.Parse(q.Q); !search.Any() {
		var terms bson.A
		for _, term := range search.Terms {
			terms = append(terms, begins("words", term))
		}
		filter = either(bson.A{one(search.Whole)}, terms)
	}
	if q.Role != "" {
		filter = append(filter, bson.E{Key: "record.roles", Value: q.Role})
	}
	return filter
}

// ListSessions is session.Store's. It lists those that have not ended.
func (s *Store) ListSessions(ctx context.Context, q session.Query) (session.Page, error) {
	return call(ctx, "list sessions", func(ctx context.Context) (out session.Page, err error) {
		p := page{in: s.sessions, filter: sessionFilter(q), time: birth, cursor: q.Cursor, limit: q.Limit}
		if err := s.searchSessions(ctx, &p, words.Parse(q.Q)); err != nil {
			return out, err
		}
		out.Sessions, out.Next, err = readPage(ctx, p, sessionDoc.session, func(r session.Session) position { return at(r.CreatedAt, r.ID) })
		if err == nil {
			out.Total, err = p.total(ctx)
		}
		return out, err
	})
}

func sessionFilter(q session.Query) bson.D {
	filter := bson.D{live}
	if q.UserID != "" {
		filter = append(filter, bson.E{Key: "record.user_id", Value: q.UserID})
	}
	if q.Online != nil {
		filter = append(filter, bson.E{Key: "online", Value: *q.Online})
	}
	return filter
}

// searchSessions finds each term in the session's words or in its owner's.
func (s *Store) searchSessions(ctx context.Context, p *page, q words.Query) error {
	if q.Any() {
		return nil
	}
	wholes := bson.A{one(q.Whole), bson.D{{Key: "record.user_id", Value: q.Whole}}, bson.D{{Key: "ip", Value: q.Whole}}}
	var terms bson.A
	for _, term := range q.Terms {
		owners, all, err := s.ownersBy(ctx, term)
		if err != nil {
			return err
		}
		if !all {
			p.join = joinOwners(wholes, q.Terms)
			return nil
		}
		terms = append(terms, or(begins("words", term), among("record.user_id", owners)))
	}
	p.filter = append(p.filter, either(wholes, terms)...)
	return nil
}

// begins chooses by a word that begins with the term, whose range an index can read: from the term to the last word
// that begins with it.
func begins(field, term string) bson.D {
	span := bson.D{{Key: "$gte", Value: term}, {Key: "$lt", Value: term + string(utf8.MaxRune)}}
	return bson.D{{Key: field, Value: bson.D{{Key: "$elemMatch", Value: span}}}}
}

func or(conditions ...bson.D) bson.D { return bson.D{{Key: "$or", Value: conditions}} }

// either is that one of the wholes holds, or all of the terms.
func either(wholes, terms bson.A) bson.D {
	return bson.D{{Key: "$or", Value: append(wholes, bson.D{{Key: "$and", Value: terms}})}}
}
