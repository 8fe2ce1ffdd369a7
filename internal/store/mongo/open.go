// Package mongo keeps the facts in a MongoDB database, of a replica set or of a single server. Every change that must
// not race is one compare-and-set of one document, acknowledged by a majority that has it on disk; there are no
// transactions, which a single server does not have. Any number of nodes may use the database at the same time.
package mongo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

const (
	callTimeout    = 5 * time.Second  // of what a request waits for
	changesTimeout = 30 * time.Second // of what changed, which after an import may be everybody
	sweepTimeout   = 5 * time.Minute  // of what touches many records, or makes indexes of them
	selectTimeout  = 4 * time.Second  // to find a primary; the URI may say another
	closeTimeout   = 10 * time.Second // for calls under way
)

// Store is one database. It is safe for concurrent use.
type Store struct {
	// Static after construction.
	client   *driver.Client
	db       *driver.Database
	users    *driver.Collection
	sessions *driver.Collection
	grants   *driver.Collection
	audit    *driver.Collection
	singles  *driver.Collection
	jobs     *driver.Collection
	webhooks *driver.Collection
	services *driver.Collection
	rows     *appender // of audit
	observer *observer
	few      int // ids that a filter may hold; where there are more, collections are joined

	closed atomic.Bool
}

// Open connects to the database that the URI names, waits for its primary, and makes the indexes that are missing.
// Its errors never have the URI in them, which may hold a password.
func Open(ctx context.Context, uri string) (*Store, error) {
	_, database, _ := splitURI(uri)
	if database == "" {
		return nil, errors.New("open store: the URI names no database")
	}
	o := &observer{}
	client, err := connect(uri, o)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{client: client, db: client.Database(database), observer: o, few: few}
	s.users, s.sessions = s.db.Collection("users"), s.db.Collection("sessions")
	s.grants, s.audit, s.singles = s.db.Collection("grants"), s.db.Collection("audit"), s.db.Collection("singles")
	s.jobs, s.webhooks, s.services = s.db.Collection("jobs"), s.db.Collection("webhooks"), s.db.Collection("service_keys")
	s.rows = newAppender(s.audit)
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), s.Close())
	}
	return s, nil
}

func (s *Store) prepare(ctx context.Context) error {
	if err := s.Ping(ctx); err != nil {
		return err
	}
	return s.createIndexes(ctx)
}

func connect(uri string, o *observer) (*driver.Client, error) {
	opts := clientOptions(uri).SetMonitor(o.monitor())
	if err := opts.Validate(); err != nil {
		return nil, withoutURI(err)
	}
	client, err := driver.Connect(opts)
	if err != nil {
		return nil, withoutURI(err)
	}
	return client, nil
}

// clientOptions keeps what the URI says of hosts, pools and TLS. How reads and writes are made is not for it to say.
//
// Reads see what the primary has, also what no majority has confirmed yet: who lost a compare-and-set must see the
// record it lost to, or it would lose again. Changes, which no write follows, reads only what is confirmed.
func clientOptions(uri string) *options.ClientOptions {
	journal := true
	return options.Client().SetAppName("gatehouse").SetServerSelectionTimeout(selectTimeout).SetConnectTimeout(selectTimeout).
		ApplyURI(uri).
		SetReadPreference(readpref.Primary()).SetReadConcern(readconcern.Local()).
		SetWriteConcern(&writeconcern.WriteConcern{W: "majority", Journal: &journal}).
		SetRetryReads(true).SetRetryWrites(true).
		SetBSONOptions(&options.BSONOptions{UseJSONStructTags: true})
}

// withoutURI leaves of an error what cannot repeat the URI.
func withoutURI(err error) error {
	const text = "the URI is not one that MongoDB's driver takes"
	var lookup *net.DNSError
	if errors.As(err, &lookup) {
		return fmt.Errorf("%s: %w", text, lookup)
	}
	return errors.New(text)
}

// Ping asks the primary.
func (s *Store) Ping(ctx context.Context) error {
	return do(ctx, "ping", callTimeout, func(ctx context.Context) error { return s.client.Ping(ctx, readpref.Primary()) })
}

// Close ends the connections, once the calls under way are answered. Later calls answer fault.ErrUnavailable.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return s.client.Disconnect(ctx)
}
