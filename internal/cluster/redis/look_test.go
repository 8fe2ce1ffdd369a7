package redis

import (
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

func TestLookTellsHowRedisStands(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	c, err := Look(t.Context(), s.URL(), "gatehouse")
	if err != nil || c.Bus != nil || c.Servers != 1 || len(c.Versions) != 1 || c.Versions[0] == "" {
		t.Fatalf("%+v, %v", c, err)
	}
	if len(c.Policies) != 1 || c.Policies[0] != "noeviction" || c.Limited || c.Ahead.Abs() > time.Second {
		t.Errorf("%+v", c)
	}
	db := client(t, s.URL())
	if n, err := db.DBSize(t.Context()).Result(); err != nil || n != 0 {
		t.Errorf("%d keys were left, %v", n, err)
	}
	for name, value := range map[string]string{"maxmemory-policy": "allkeys-lru", "maxmemory": "100mb"} {
		if err := db.ConfigSet(t.Context(), name, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if c, err = Look(t.Context(), s.URL(), "gatehouse"); err != nil || c.Policies[0] != "allkeys-lru" || !c.Limited {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestLookFindsAUserWhoMayNotPublish(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	db := client(t, s.URL())
	if err := db.Do(t.Context(), "ACL", "SETUSER", "mute", "on", ">pw", "~*", "+@all", "resetchannels").Err(); err != nil {
		t.Fatal(err)
	}
	c, err := Look(t.Context(), "redis://mute:pw@"+s.Addr(), "gatehouse")
	if err != nil || c.Bus == nil {
		t.Errorf("%+v, %v", c, err)
	}
	s.Kill()
	if _, err := Look(t.Context(), s.URL(), "gatehouse"); err == nil {
		t.Error("a server that is gone was looked at")
	}
}
