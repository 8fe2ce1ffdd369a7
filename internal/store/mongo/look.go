package mongo

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Condition is how a database stands.
type Condition struct {
	Version string
	Set     string        // the replica set, "" for a single server
	Ahead   time.Duration // of the server's clock before this one, as far as one answer tells
}

// Look asks the database that the URI names how it stands, and writes what changes nothing: an update of a record that
// there is not.
func Look(ctx context.Context, uri string) (c Condition, err error) {
	_, database, _ := splitURI(uri)
	if database == "" {
		return c, errors.New("the URI names no database")
	}
	client, err := connect(uri, &observer{})
	if err != nil {
		return c, err
	}
	defer func() { _ = client.Disconnect(context.WithoutCancel(ctx)) }()
	db := client.Database(database)
	var hello struct {
		SetName   string    `bson:"setName"`
		LocalTime time.Time `bson:"localTime"`
	}
	if err := db.RunCommand(ctx, bson.D{{Key: "ping", Value: 1}}).Err(); err != nil { // finds the server, which takes time
		return c, err
	}
	var asked time.Time
	for _, command := range []string{"hello", "isMaster"} { // the older name where there is no other
		asked = time.Now()
		if err = db.RunCommand(ctx, bson.D{{Key: command, Value: 1}}).Decode(&hello); err == nil {
			break
		}
	}
	if err != nil {
		return c, err
	}
	if !hello.LocalTime.IsZero() {
		c.Ahead = hello.LocalTime.Sub(asked.Add(time.Since(asked) / 2))
	}
	c.Set = hello.SetName
	var build struct {
		Version string `bson:"version"`
	}
	if err := db.RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Decode(&build); err == nil {
		c.Version = build.Version
	}
	_, err = db.Collection("users").UpdateOne(ctx, bson.D{{Key: "_id", Value: ""}}, bson.D{{Key: "$set", Value: bson.D{{Key: "version", Value: 0}}}})
	return c, err
}
