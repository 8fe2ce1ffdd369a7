package servertest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/gatehouse-dev/gatehouse/internal/id"
)

// MongoDB for tests is the server that GATEHOUSE_TEST_MONGODB_URI names, or else a mongod of their own, where there is
// one on PATH. Without either they are skipped, or fail where GATEHOUSE_TEST_MONGODB=required.

var mongod theMongod

type theMongod struct {
	once   sync.Once
	uri    string
	reason string // why there is none
	cmd    *exec.Cmd
	ended  chan error // when cmd ended, how
	data   string
}

// MongoURI is a database of the test's own, which is dropped at its end. A package that asks for one calls EndMongo
// at the end of its TestMain.
func MongoURI(t testing.TB) string {
	t.Helper()
	mongod.once.Do(mongod.find)
	if mongod.uri == "" {
		if os.Getenv("GATEHOUSE_TEST_MONGODB") == "required" {
			t.Fatal(mongod.reason)
		}
		t.Skip(mongod.reason)
	}
	uri := withDatabase(mongod.uri, strings.ToLower(id.New("gatehouse_test_")))
	t.Cleanup(func() { drop(t, uri) })
	return uri
}

// EndMongo ends the mongod that MongoURI started, if it did.
func EndMongo() { mongod.end() }

// withDatabase puts the database into a URI.
func withDatabase(uri, database string) string {
	uri, query, _ := strings.Cut(uri, "?")
	scheme, rest, _ := strings.Cut(uri, "://")
	hosts, _, _ := strings.Cut(rest, "/")
	if query != "" {
		query = "?" + query
	}
	return scheme + "://" + hosts + "/" + database + query
}

func (s *theMongod) find() {
	if s.uri = os.Getenv("GATEHOUSE_TEST_MONGODB_URI"); s.uri != "" {
		return
	}
	path, err := exec.LookPath("mongod")
	if err != nil {
		s.reason = "no MongoDB: neither GATEHOUSE_TEST_MONGODB_URI is set nor is mongod on PATH"
		return
	}
	if err := s.start(path); err != nil {
		s.reason = fmt.Sprintf("%s does not start: %v", path, err)
		s.end()
	}
}

func (s *theMongod) start(path string) (err error) {
	if s.data, err = os.MkdirTemp("", "gatehouse-mongod-"); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	var output bytes.Buffer
	cmd := exec.Command(path, "--dbpath", s.data, "--port", fmt.Sprint(port), "--bind_ip", "127.0.0.1", "--nounixsocket")
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		return err
	}
	s.cmd, s.ended = cmd, make(chan error, 1)
	go func() { s.ended <- cmd.Wait() }()
	uri := fmt.Sprintf("mongodb://127.0.0.1:%d/", port)
	answers := make(chan error, 1)
	go func() { answers <- ping(uri, time.Minute) }()
	select {
	case err := <-s.ended:
		s.cmd = nil
		return fmt.Errorf("ended: %w: %s", err, output.String())
	case err := <-answers:
		if err == nil {
			s.uri = uri
		}
		return err
	}
}

// end kills the server, whose data goes with it.
func (s *theMongod) end() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		<-s.ended
		s.cmd = nil
	}
	if s.data != "" {
		_ = os.RemoveAll(s.data)
	}
}

// ping waits until the server answers.
func ping(uri string, timeout time.Duration) error {
	client, err := driver.Connect(options.Client().ApplyURI(uri).SetServerSelectionTimeout(timeout))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	defer client.Disconnect(ctx)
	return client.Ping(ctx, nil)
}

func drop(t testing.TB, uri string) {
	client, err := driver.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Error(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	defer client.Disconnect(ctx)
	name, _, _ := strings.Cut(uri[strings.LastIndex(uri, "/")+1:], "?")
	if err := client.Database(name).Drop(ctx); err != nil {
		t.Errorf("drop %s: %v", name, err)
	}
}
