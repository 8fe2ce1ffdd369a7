package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Two lists choose by another collection: sessions by their owners' words, users by their sessions' presence. The ids
// found there become part of the filter while they are few, so that an index finds the rest. Where they are many,
// what is listed is so common that going through the list and looking up each finds a page soon.

// few is how many ids a filter may hold.
const few = 5000

// ownersBy are the users with a word that begins with the term, or not all when there are many.
func (s *Store) ownersBy(ctx context.Context, term string) (ids []string, all bool, err error) {
	opts := options.Find().SetProjection(idOnly).SetLimit(int64(s.few + 1))
	docs, err := find[identity](ctx, s.users, begins("words", term), opts)
	return each(docs, identity.id), len(docs) <= s.few, err
}

type identity struct {
	ID string `bson:"_id"`
}

func (d identity) id() string { return d.ID }

// joinOwners puts their owners beside the sessions, and finds each term in the words of either.
func joinOwners(wholes bson.A, search []string) driver.Pipeline {
	var terms bson.A
	for _, term := range search {
		terms = append(terms, or(begins("words", term), begins("owner.words", term)))
	}
	return driver.Pipeline{lookup("users", "record.user_id", "_id", "owner"), stage("$match", either(wholes, terms))}
}

// choosePresent narrows a list of users to those with an online session, or without, and tells how to count them.
func (s *Store) choosePresent(ctx context.Context, p *page, online bool) (total func(context.Context) (int, error), err error) {
	ids, all, err := s.onlineUsers(ctx)
	if err != nil {
		return nil, err
	}
	before := *p
	if all {
		present := among("_id", ids)
		if !online {
			present = not(present)
		}
		p.filter = append(p.filter, present...)
		return p.total, nil
	}
	device := bson.D{{Key: "devices", Value: bson.D{{Key: "$elemMatch", Value: onlineSessions}}}}
	if !online {
		device = not(device)
	}
	p.join = driver.Pipeline{lookup("sessions", "_id", "record.user_id", "devices"), stage("$match", device)}
	return func(ctx context.Context) (int, error) { return s.countPresent(ctx, before, online) }, nil
}

func not(condition bson.D) bson.D { return bson.D{{Key: "$nor", Value: bson.A{condition}}} }

var onlineSessions = bson.D{live, {Key: "online", Value: true}}

// usersOf makes the users, as {_id}, of the sessions that are online. An index has all that it needs.
var usersOf = driver.Pipeline{
	stage("$match", onlineSessions), stage("$group", bson.D{{Key: "_id", Value: "$record.user_id"}}),
}

func (s *Store) onlineUsers(ctx context.Context) (ids []string, all bool, err error) {
	docs, err := aggregate[identity](ctx, s.sessions, append(usersOf[:2:2], stage("$limit", s.few+1)))
	return each(docs, identity.id), len(docs) <= s.few, err
}

// countPresent counts from the sessions that are online, which are fewer than the users. Their users are live.
func (s *Store) countPresent(ctx context.Context, p page, online bool) (int, error) {
	pipeline := usersOf[:2:2]
	if len(p.filter) > 1 {
		pipeline = append(pipeline, lookup("users", "_id", "_id", "user"), stage("$unwind", "$user"),
			stage("$replaceRoot", bson.D{{Key: "newRoot", Value: "$user"}}), stage("$match", p.filter))
	}
	present, err := count(ctx, s.sessions, pipeline)
	if err != nil || online {
		return present, err
	}
	all, err := p.total(ctx)
	return max(all-present, 0), err
}

func lookup(from, local, foreign, as string) bson.D {
	return stage("$lookup", bson.D{
		{Key: "from", Value: from}, {Key: "localField", Value: local}, {Key: "foreignField", Value: foreign}, {Key: "as", Value: as},
	})
}
