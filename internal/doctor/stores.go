package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/cluster/redis"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/rules"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
	"github.com/gatehouse-dev/gatehouse/internal/store/mongo"
	"github.com/gatehouse-dev/gatehouse/internal/store/sqlite"
	"github.com/gatehouse-dev/gatehouse/internal/token"
)

// secret looks at where the master secret is.
func (x *examination) secret() {
	path, inFile := x.cfg.SecretFile()
	if !inFile {
		x.add(OK, "secret", "it comes from GATEHOUSE_SECRET", "")
		return
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		x.add(OK, "secret", path+" will be made at the first start", "")
	case err != nil:
		x.add(Problem, "secret", err.Error(), "let the user that runs gatehouse read it")
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		x.add(Problem, "secret", fmt.Sprintf("%s may be read by others (%04o)", path, info.Mode().Perm()), "chmod 600 "+path)
	default:
		x.add(OK, "secret", path+" is its owner's alone", "")
	}
}

func (x *examination) store(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*patience) // finding a primary takes most of one
	defer cancel()
	if uri, ok := x.cfg.MongoURI(); ok {
		x.mongo(ctx, uri)
		return
	}
	path, _ := x.cfg.SQLitePath()
	x.sqlite(ctx, path)
}

func (x *examination) sqlite(ctx context.Context, path string) {
	c, err := sqlite.Look(ctx, path)
	if err == nil && c.Missing {
		err = takesFiles(filepath.Dir(path))
	}
	const newer = "use the newer gatehouse that wrote it, or another file"
	switch {
	case err != nil:
		x.add(Problem, "store", fmt.Sprintf("%s cannot be used: %v", path, err), "correct GATEHOUSE_STORE, or let the user that runs gatehouse write the file and its folder")
	case c.Missing:
		x.add(OK, "store", path+" will be made at the first start", "")
	case c.Have > c.Want:
		x.add(Problem, "store", fmt.Sprintf("%s has schema %d, this program knows up to %d", path, c.Have, c.Want), newer)
	case c.Have < c.Want:
		x.add(OK, "store", fmt.Sprintf("%s has schema %d and will be brought up to %d at the next start", path, c.Have, c.Want), "")
	default:
		x.add(OK, "store", fmt.Sprintf("%s can be read and written, schema %d", path, c.Have), "")
		x.keys(ctx)
	}
}

func (x *examination) mongo(ctx context.Context, uri string) {
	c, err := mongo.Look(ctx, uri)
	if err != nil {
		x.add(Problem, "store", fmt.Sprintf("MongoDB cannot be used: %v", err),
			"start it, or correct host, password and rights in GATEHOUSE_STORE")
		return
	}
	found := "MongoDB " + c.Version + " can be read and written"
	if c.Set == "" {
		found += "; it is a single server, whose loss is the loss of the data"
	}
	x.add(OK, "store", found, "")
	x.clock("store clock", c.Ahead)
	x.keys(ctx)
	if x.cfg.RedisURL == "" {
		x.add(OK, "nodes", "without GATEHOUSE_REDIS_URL this must be the only node", "")
	}
}

// keys tries whether the secret opens what is stored.
func (x *examination) keys(ctx context.Context) {
	if path, inFile := x.cfg.SecretFile(); inFile {
		if _, err := os.Stat(path); err != nil {
			return // said already; LoadSecret would make one
		}
	}
	found, err := x.openKeys(ctx)
	if err != nil {
		x.add(Problem, "keys", err.Error(), "set GATEHOUSE_SECRET, or GATEHOUSE_SECRET_PREVIOUS, to the secret that the store was written with")
		return
	}
	x.add(OK, "keys", found, "")
}

func (x *examination) openKeys(ctx context.Context) (string, error) {
	secret, err := x.cfg.LoadSecret()
	if err != nil {
		return "", err
	}
	box, err := seal.New(secret, x.cfg.SecretPrevious)
	if err != nil {
		return "", err
	}
	store, err := rules.OpenStore(ctx, x.cfg, time.Now, x.quiet)
	if err != nil {
		return "", err
	}
	defer store.Close()
	record, err := store.Keyset(ctx)
	if errors.Is(err, fault.ErrNotFound) {
		return "there are none yet", nil
	}
	if err != nil {
		return "", err
	}
	if _, err := token.Open(record, box, token.Config{Issuer: x.cfg.PublicURL.String(), TTL: x.cfg.AccessTTL}); err != nil {
		return "", fmt.Errorf("the secret does not open the signing keys: %w", err)
	}
	return "the secret opens the signing keys", nil
}

// oldestRedis is the version that the tests have seen.
const oldestRedis = 6

func (x *examination) redis(ctx context.Context) {
	if x.cfg.RedisURL == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := redis.Look(ctx, x.cfg.RedisURL, x.cfg.RedisPrefix)
	if err != nil {
		x.add(Problem, "redis", fmt.Sprintf("it cannot be reached: %v", err), "start it, or correct GATEHOUSE_REDIS_URL; until then every node serves for itself")
		return
	}
	x.redisServers(c)
	if c.Bus != nil {
		x.add(Problem, "redis bus", fmt.Sprintf("a message did not come back: %v", c.Bus), "let the user of GATEHOUSE_REDIS_URL publish and subscribe (ACL: &*)")
	} else {
		x.add(OK, "redis bus", "a message came back", "")
	}
	x.clock("redis clock", c.Ahead)
}

func (x *examination) redisServers(c redis.Condition) {
	versions := strings.Join(c.Versions, ", ")
	policies := strings.Join(c.Policies, ", ")
	switch {
	case slices.ContainsFunc(c.Versions, tooOld):
		x.add(Problem, "redis", "its version is "+versions, fmt.Sprintf("use Redis %d or later, or Valkey", oldestRedis))
	case c.Limited && policies != "noeviction" && policies != "":
		x.add(Problem, "redis", fmt.Sprintf("version %s; when its memory is full it drops keys (%s)", versions, policies),
			"set maxmemory-policy noeviction, or presence and limits forget")
	case policies != "noeviction" && policies != "":
		x.add(Warning, "redis", fmt.Sprintf("version %s; it would drop keys when its memory is full (%s)", versions, policies), "set maxmemory-policy noeviction")
	default:
		x.add(OK, "redis", fmt.Sprintf("version %s, %d server(s), drops nothing", versions, c.Servers), "")
	}
}

func tooOld(version string) bool {
	major, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(major)
	return err == nil && n < oldestRedis
}

// takesFiles tries whether a folder, or the nearest above it that there is, takes a file.
func takesFiles(dir string) error {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	f, err := os.CreateTemp(dir, ".gatehouse-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
