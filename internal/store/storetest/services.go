package storetest

import (
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/servicekey"
	"github.com/gatehouse-dev/gatehouse/internal/webhook"
)

func webhooks(s suite) {
	none, err := s.Webhooks(s.ctx)
	s.ok(err)
	s.same("before there is one", len(none), 0)

	newer := webhook.Webhook{
		ID: id.New(id.Webhook), URL: "https://b.example.com/?k=1", Events: []string{webhook.SessionEnded, webhook.DeviceOnline},
		Secret: []byte{0, 1, 255}, CreatedAt: epoch.Add(time.Second),
	}
	older := newer
	older.ID, older.URL, older.CreatedAt = id.New(id.Webhook), "https://a.example.com", epoch
	s.ok(s.InsertWebhook(s.ctx, newer))
	s.ok(s.InsertWebhook(s.ctx, older))
	all, err := s.Webhooks(s.ctx)
	s.ok(err)
	s.same("oldest first", all, []webhook.Webhook{older, newer})

	s.is(s.ReplaceWebhookSecret(s.ctx, newer.ID, []byte{9}, []byte{2}), fault.ErrMoved)
	s.is(s.ReplaceWebhookSecret(s.ctx, id.New(id.Webhook), newer.Secret, []byte{2}), fault.ErrMoved)
	s.ok(s.ReplaceWebhookSecret(s.ctx, newer.ID, newer.Secret, []byte{2}))
	newer.Secret = []byte{2}

	s.ok(s.DeleteWebhook(s.ctx, older.ID))
	s.is(s.DeleteWebhook(s.ctx, older.ID), fault.ErrNotFound)
	all, err = s.Webhooks(s.ctx)
	s.ok(err)
	s.same("left", all, []webhook.Webhook{newer})
}

func serviceKeys(s suite) {
	none, err := s.ServiceKeys(s.ctx)
	s.ok(err)
	s.same("before there is one", len(none), 0)

	newer := servicekey.Key{ID: id.New(id.Key), Name: "Shop", Hash: "hash-b", CreatedAt: epoch.Add(time.Second)}
	older := servicekey.Key{ID: id.New(id.Key), Name: "Forum", Hash: "hash-a", CreatedAt: epoch, LastUsedAt: epoch}
	s.ok(s.InsertServiceKey(s.ctx, newer))
	s.ok(s.InsertServiceKey(s.ctx, older))
	all, err := s.ServiceKeys(s.ctx)
	s.ok(err)
	s.same("oldest first", all, []servicekey.Key{older, newer})

	again := newer
	again.ID = id.New(id.Key)
	if err := s.InsertServiceKey(s.ctx, again); err == nil {
		s.t.Error("two keys with one hash")
	}

	later := epoch.Add(time.Hour)
	s.ok(s.UseServiceKey(s.ctx, newer.ID, later))
	s.ok(s.UseServiceKey(s.ctx, newer.ID, epoch))
	s.ok(s.UseServiceKey(s.ctx, id.New(id.Key), later))
	newer.LastUsedAt = later
	got, err := s.ServiceKey(s.ctx, newer.Hash)
	s.ok(err)
	s.same("by hash, with its last use", got, newer)

	s.ok(s.DeleteServiceKey(s.ctx, newer.ID))
	s.is(s.DeleteServiceKey(s.ctx, newer.ID), fault.ErrNotFound)
	_, err = s.ServiceKey(s.ctx, newer.Hash)
	s.is(err, fault.ErrNotFound)
	all, err = s.ServiceKeys(s.ctx)
	s.ok(err)
	s.same("left", all, []servicekey.Key{older})
}
