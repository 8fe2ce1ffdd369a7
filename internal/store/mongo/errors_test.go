package mongo

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

func TestTranslate(t *testing.T) {
	other := driver.CommandError{Code: 2, Name: "BadValue", Message: "not primary, timed out"} // text decides nothing
	_, unwritable := bson.Marshal(map[string]any{"x": make(chan int)})
	tests := []struct {
		name string
		err  error
		want error // nil for as it is
	}{
		{"no document", driver.ErrNoDocuments, fault.ErrNotFound},
		{"moved", fault.ErrMoved, nil},
		{"address taken", account.ErrEmailTaken, nil},
		{"deadline", context.DeadlineExceeded, fault.ErrUnavailable},
		{"closed", driver.ErrClientDisconnected, fault.ErrUnavailable},
		{"cancelled by the driver", context.Canceled, fault.ErrUnavailable},
		{"not primary", driver.CommandError{Code: 10107}, fault.ErrUnavailable},
		{"stepped down", driver.CommandError{Code: 189}, fault.ErrUnavailable},
		{"too slow", driver.CommandError{Code: 50}, fault.ErrUnavailable},
		{"network", driver.CommandError{Labels: []string{"NetworkError"}}, fault.ErrUnavailable},
		{"password refused", driver.CommandError{Code: 18}, fault.ErrUnavailable},
		{"write stopped", driver.WriteException{WriteErrors: driver.WriteErrors{{Code: 11602}}}, fault.ErrUnavailable},
		{"not confirmed", driver.WriteException{WriteConcernError: &driver.WriteConcernError{Code: 9}}, fault.ErrUnavailable},
		{"many not confirmed", driver.BulkWriteException{WriteConcernError: &driver.WriteConcernError{Code: 64}}, fault.ErrUnavailable},
		{"wrong command", other, nil},
		{"duplicate key", driver.CommandError{Code: 11000}, nil},
		{"unwritable", driver.MarshalError{Err: unwritable}, nil},
		{"unreadable", &bson.DecodeError{}, nil},
	}
	for _, tt := range tests {
		got := translate(t.Context(), tt.err)
		if want := tt.want; want == nil && fault.CodeOf(got) != fault.CodeOf(tt.err) || want != nil && !errors.Is(got, want) {
			t.Errorf("%s: %v became %v, want %v", tt.name, tt.err, got, want)
		}
	}
}

func TestWhoCancelsGetsThat(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range []error{driver.CommandError{Labels: []string{"NetworkError"}}, context.Canceled, driver.ErrClientDisconnected} {
		if got := translate(ctx, err); !errors.Is(got, context.Canceled) || errors.Is(got, fault.ErrUnavailable) {
			t.Errorf("%v became %v", err, got)
		}
	}
}

func TestTakenAddressIsNotRepeated(t *testing.T) {
	s := open(t, newDatabase(t))
	u := account.User{ID: "usr_a", Email: "ada@example.com", CreatedAt: time.Now()}
	if _, err := s.InsertUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	u.ID = "usr_b"
	_, err := s.InsertUser(t.Context(), u)
	if !errors.Is(err, account.ErrEmailTaken) || strings.Contains(err.Error(), u.Email) {
		t.Errorf("error is %v", err)
	}
}

// TestPasswordIsNotTold: what is wrong with a URI is told without it.
func TestPasswordIsNotTold(t *testing.T) {
	for _, uri := range []string{
		"mongodb://root:s3cret@127.0.0.1:1/db?serverSelectionTimeoutMS=100",
		"mongodb://root:s3cret%zz@127.0.0.1:1/db",
		"mongodb://root:s3cret@x:y@127.0.0.1:1/db",
		"mongodb://root:s3cret@:1:2/db",
		"mongodb://root:s3cret@127.0.0.1:1/db?connectTimeoutMS=s3cret",
		"mongodb://root:s3cret@127.0.0.1:1/",
		"mongo://root:s3cret@127.0.0.1:1/db",
		"s3cret",
	} {
		s, err := Open(t.Context(), uri)
		if err == nil {
			_ = s.Close()
			t.Errorf("%s opened", uri)
			continue
		}
		if strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "root") {
			t.Errorf("error tells the password: %v", err)
		}
	}
}

func TestSplitURI(t *testing.T) {
	tests := []struct{ uri, before, database, query string }{
		{"mongodb://h/db", "mongodb://h/", "db", ""},
		{"mongodb://u:p@a:1,b:2/db?replicaSet=x", "mongodb://u:p@a:1,b:2/", "db", "?replicaSet=x"},
		{"mongodb+srv://h/d%62", "mongodb+srv://h/", "db", ""},
		{"mongodb://h", "mongodb://h/", "", ""},
		{"mongodb://h/?a=b/c", "mongodb://h/", "", "?a=b/c"},
		{"mongodb://h?a=b", "mongodb://h/", "", "?a=b"},
		{"mongodb://h/%zz", "mongodb://h/", "", ""},
	}
	for _, tt := range tests {
		before, database, query := splitURI(tt.uri)
		if before != tt.before || database != tt.database || query != tt.query {
			t.Errorf("%s is %q, %q, %q", tt.uri, before, database, query)
		}
	}
}
