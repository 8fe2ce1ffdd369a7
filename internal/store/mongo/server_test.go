package mongo

import (
	"os"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	servertest.EndMongo()
	os.Exit(code)
}

// newDatabase is the URI, with further options, of a database of the test's own, which is dropped at its end.
func newDatabase(t testing.TB, opts ...string) string {
	t.Helper()
	uri := servertest.MongoURI(t)
	for _, o := range opts {
		mark := "?"
		if strings.Contains(uri, "?") {
			mark = "&"
		}
		uri += mark + o
	}
	return uri
}

// open opens a store for the length of the test.
func open(t testing.TB, uri string) *Store {
	t.Helper()
	s, err := Open(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// unswept is the store without what lets the server itself remove documents: the tests' times are long past by its
// clock.
func unswept(t testing.TB, s *Store) *Store {
	t.Helper()
	for collection, list := range indexes {
		for _, x := range list {
			if x.kind != expiring {
				continue
			}
			if err := s.db.Collection(collection).Indexes().DropOne(t.Context(), x.name); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s
}
