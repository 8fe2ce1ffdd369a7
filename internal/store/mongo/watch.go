package mongo

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/event"
)

// observer hears what the driver asks of the server.
type observer struct {
	heard   atomic.Pointer[func(operation string, took time.Duration, err error)]
	running sync.Map // of request id to collection
}

// Observe names who hears how long each operation took: a command of MongoDB and the collection that it is about.
func (s *Store) Observe(f func(operation string, took time.Duration, err error)) {
	s.observer.heard.Store(&f)
}

func (o *observer) monitor() *event.CommandMonitor {
	return &event.CommandMonitor{
		Started: func(_ context.Context, e *event.CommandStartedEvent) {
			if collection, ok := e.Command.Lookup(e.CommandName).StringValueOK(); ok {
				o.running.Store(e.RequestID, collection)
			}
		},
		Succeeded: func(_ context.Context, e *event.CommandSucceededEvent) { o.ended(e.CommandFinishedEvent, nil) },
		Failed:    func(_ context.Context, e *event.CommandFailedEvent) { o.ended(e.CommandFinishedEvent, cause(e)) },
	}
}

func (o *observer) ended(e event.CommandFinishedEvent, err error) {
	operation := e.CommandName
	if collection, ok := o.running.LoadAndDelete(e.RequestID); ok {
		operation += " " + collection.(string)
	}
	if f := o.heard.Load(); f != nil {
		(*f)(operation, e.Duration, err)
	}
}

func cause(e *event.CommandFailedEvent) error {
	if e.Failure != nil {
		return e.Failure
	}
	return errors.New("failed")
}
