package mongo

import (
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/id"
)

// spec is what the server says of an index.
type spec struct {
	Name    string `bson:"name"`
	Keys    bson.D `bson:"key"`
	Unique  bool   `bson:"unique"`
	Sparse  bool   `bson:"sparse"`
	Expires *int64 `bson:"expireAfterSeconds"`
}

func specs(t *testing.T, s *Store, collection string) map[string]spec {
	t.Helper()
	cursor, err := s.db.Collection(collection).Indexes().List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var list []spec
	if err := cursor.All(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	byName := map[string]spec{}
	for _, x := range list {
		byName[x.Name] = x
	}
	return byName
}

func TestIndexesAreMadeByNodesThatStartTogether(t *testing.T) {
	uri := newDatabase(t)
	const nodes = 4
	errs := make([]error, nodes)
	var all sync.WaitGroup
	for i := range nodes {
		all.Go(func() {
			s, err := Open(t.Context(), uri)
			if errs[i] = err; err == nil {
				errs[i] = s.Close()
			}
		})
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("node %d: %v", i, err)
		}
	}
	checkIndexes(t, open(t, uri)) // which starts once more
}

func checkIndexes(t *testing.T, s *Store) {
	t.Helper()
	for collection, want := range indexes {
		got := specs(t, s, collection)
		names := []string{"_id_"}
		for _, x := range want {
			names = append(names, x.name)
			checkIndex(t, collection, got[x.name], x)
		}
		slices.Sort(names)
		if have := slices.Sorted(maps.Keys(got)); !slices.Equal(have, names) {
			t.Errorf("%s has the indexes %q, want %q", collection, have, names)
		}
	}
}

func checkIndex(t *testing.T, collection string, got spec, want index) {
	t.Helper()
	if !slices.EqualFunc(got.Keys, want.keys, sameKey) {
		t.Errorf("%s %s has the keys %v, want %v", collection, want.name, got.Keys, want.keys)
	}
	expires := got.Expires != nil && *got.Expires == int64(sweptAfter.Seconds())
	if got.Unique != (want.kind == unique || want.kind == uniqueIfAny) || expires != (want.kind == expiring) ||
		got.Sparse != (expires || want.kind == uniqueIfAny) {
		t.Errorf("%s %s is %+v, want kind %d", collection, want.name, got, want.kind)
	}
}

// sameKey compares keys whose direction the server may tell as any kind of number.
func sameKey(a, b bson.E) bool {
	number := func(v any) int64 {
		switch n := v.(type) {
		case int:
			return int64(n)
		case int32:
			return int64(n)
		case int64:
			return n
		case float64:
			return int64(n)
		}
		return 0
	}
	return a.Key == b.Key && number(a.Value) == number(b.Value) && number(a.Value) != 0
}

func TestIndexOfAnotherKindStopsTheStart(t *testing.T) {
	uri := newDatabase(t)
	s := open(t, uri)
	users := s.db.Collection("users").Indexes()
	if err := users.DropOne(t.Context(), "by_identity"); err != nil {
		t.Fatal(err)
	}
	if _, err := users.CreateOne(t.Context(), index{"by_identity", ascending("identities"), plain}.model()); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), uri)
	if err == nil {
		_ = again.Close()
		t.Fatal("opened, although identities are not unique")
	}
}

func TestDataFromBeforeTheIndexIsKept(t *testing.T) {
	uri := newDatabase(t)
	s := open(t, uri)
	u, err := s.InsertUser(t.Context(), account.User{ID: id.New(id.User), Email: "ada@example.com", Roles: []string{account.RoleUser}, CreatedAt: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range indexes["users"] {
		if err := s.users.Indexes().DropOne(t.Context(), x.name); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, uri)
	if got, err := s.UserByEmail(t.Context(), u.Email); err != nil || got.ID != u.ID {
		t.Errorf("user by address is %q, %v", got.ID, err)
	}
	checkIndexes(t, s)
}
