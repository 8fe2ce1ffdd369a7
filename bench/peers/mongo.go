package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// mongoServer is where Gatehouse keeps facts: the server that GATEHOUSE_TEST_MONGODB_URI names, else a mongod of its
// own where there is one on PATH.
type mongoServer struct {
	uri  string
	kind string   // what it is, for the reader of the numbers
	own  *process // nil when somebody else runs it
}

// findMongo finds or starts the server. Where there is none the result is nil.
func findMongo(ctx context.Context, dir string) (*mongoServer, error) {
	m := &mongoServer{uri: os.Getenv("GATEHOUSE_TEST_MONGODB_URI")}
	if m.uri == "" {
		path, err := exec.LookPath("mongod")
		if err != nil {
			return nil, nil
		}
		if err := m.start(ctx, path, filepath.Join(dir, "mongod")); err != nil {
			return nil, err
		}
	}
	if err := m.ask(ctx); err != nil {
		m.stop()
		return nil, fmt.Errorf("MongoDB: %w", err)
	}
	return m, nil
}

func (m *mongoServer) start(ctx context.Context, path, data string) error {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	cmd := exec.Command(path, "--dbpath", data, "--port", strconv.Itoa(port), "--bind_ip", "127.0.0.1", "--nounixsocket")
	m.own, err = start(ctx, cmd, func(line string) string {
		if strings.Contains(line, "Waiting for connections") {
			return addr
		}
		return ""
	})
	m.uri = "mongodb://" + addr
	return err
}

func (m *mongoServer) stop() {
	if m != nil && m.own != nil {
		m.own.stop()
	}
}

func (m *mongoServer) do(ctx context.Context, f func(context.Context, *driver.Client) error) error {
	client, err := driver.Connect(options.Client().ApplyURI(m.uri).SetServerSelectionTimeout(startWithin))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	defer client.Disconnect(ctx)
	return f(ctx, client)
}

// ask finds out what kind of server it is. One that stands in for MongoDB does not say what it was built with.
func (m *mongoServer) ask(ctx context.Context) error {
	return m.do(ctx, func(ctx context.Context, c *driver.Client) error {
		var info struct {
			Version   string `bson:"version"`
			Allocator string `bson:"allocator"`
		}
		if err := c.Database("admin").RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Decode(&info); err != nil {
			return err
		}
		m.kind = "MongoDB " + info.Version
		if info.Allocator == "" {
			m.kind = "a stand-in for MongoDB " + info.Version + ", in memory: rows with kicks, which are written, say how fast that is, not MongoDB"
		}
		return nil
	})
}

// database is a URI of a database of its own.
func (m *mongoServer) database(name string) string {
	uri, query, _ := strings.Cut(m.uri, "?")
	scheme, rest, _ := strings.Cut(uri, "://")
	hosts, _, _ := strings.Cut(rest, "/")
	if query != "" {
		query = "?" + query
	}
	return scheme + "://" + hosts + "/" + name + query
}

// drop removes a database.
func (m *mongoServer) drop(name string) error {
	return m.do(context.Background(), func(ctx context.Context, c *driver.Client) error { return c.Database(name).Drop(ctx) })
}
