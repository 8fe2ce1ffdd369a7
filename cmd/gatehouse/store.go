package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/cluster/redis"
	"github.com/gatehouse-dev/gatehouse/internal/config"
	"github.com/gatehouse-dev/gatehouse/internal/rules"
	"github.com/gatehouse-dev/gatehouse/internal/store/sqlite"
	"github.com/gatehouse-dev/gatehouse/internal/transfer"
)

const copyHelp = `
Copies everything from one store into another that holds no users yet. Nobody is signed out. Stop every node first:
one that serves a SQLite file is noticed, and so is one on MongoDB that meets others in the Redis of
GATEHOUSE_REDIS_URL; what else changes the source meanwhile makes the copy fail. A copy that fails can be repeated.

The secret stays the same: give the nodes on the new store the GATEHOUSE_SECRET of the old one, or the content of the
file "secret" beside the old database.
`

func (sh *shell) storeCopy(ctx context.Context, args []string) error {
	fs := sh.flags("store copy")
	from := fs.String("from", "", "`url` of the store to copy: sqlite:FILE or mongodb://HOST/DATABASE, or env:NAME for a variable that holds it, for a URL with a password")
	to := fs.String("to", "", "`url` of the store to fill, likewise")
	fs.Usage = sh.help(fs, copyHelp)
	if _, err := sh.parse(fs, args, 0, 0); err != nil {
		return err
	}
	source, err := sh.storeURL("from", *from)
	if err != nil {
		return sh.wrong(fs.Name(), err.Error())
	}
	target, err := sh.storeURL("to", *to)
	if err != nil {
		return sh.wrong(fs.Name(), err.Error())
	}
	if source.Store == target.Store {
		return sh.wrong(fs.Name(), "--from and --to are the same store")
	}
	if err := errors.Join(sh.exists(source), sh.unserved(ctx, source), sh.unserved(ctx, target)); err != nil {
		return err
	}
	return sh.copy(ctx, source, target)
}

// storeURL is the store that a flag names.
func (sh *shell) storeURL(flag, url string) (cfg config.Config, err error) {
	if name, ok := strings.CutPrefix(url, "env:"); ok {
		url = sh.variable(name)
	}
	if url == "" {
		return cfg, fmt.Errorf("--%s is missing", flag)
	}
	cfg, err = config.Load([]string{"--store=" + url, "--secret=" + strings.Repeat("00", 32)}, nil, nil)
	if err != nil {
		return cfg, fmt.Errorf("--%s must be sqlite:FILE or mongodb://HOST/DATABASE", flag)
	}
	return cfg, nil
}

func (sh *shell) variable(name string) (value string) {
	for _, entry := range sh.environ {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			value = v
		}
	}
	return value
}

// exists keeps a slip of the pen from making an empty file and copying that.
func (sh *shell) exists(cfg config.Config) error {
	path, ok := cfg.SQLitePath()
	if !ok {
		return nil
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no %s", path)
	}
	return nil
}

// unserved refuses a store that a node serves, as far as that can be told.
func (sh *shell) unserved(ctx context.Context, cfg config.Config) error {
	if path, ok := cfg.SQLitePath(); ok {
		used, err := sqlite.InUse(ctx, path)
		if err == nil && used {
			err = fmt.Errorf("%s is in use: stop the node that serves it", path)
		}
		return err
	}
	url := sh.variable("GATEHOUSE_REDIS_URL")
	if url == "" {
		return nil
	}
	nodes, err := redis.Alive(ctx, redis.Config{URL: url, Prefix: sh.variable("GATEHOUSE_REDIS_PREFIX")})
	if err != nil {
		return fmt.Errorf("look in the Redis of GATEHOUSE_REDIS_URL for nodes that run: %w", err)
	}
	if nodes > 0 {
		return fmt.Errorf("nodes that meet in the Redis of GATEHOUSE_REDIS_URL run, %d of them: stop them", nodes)
	}
	return nil
}

func (sh *shell) copy(ctx context.Context, source, target config.Config) error {
	log := slog.New(slog.NewTextHandler(sh.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	from, err := rules.OpenStore(ctx, source, time.Now, log)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	defer from.Close()
	to, err := rules.OpenStore(ctx, target, time.Now, log)
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	defer to.Close()
	w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
	err = transfer.Copy(ctx, from, to, time.Now(), func(kind string, n int) { fmt.Fprintf(w, "%s\t%d\n", kind, n) })
	if err := errors.Join(err, w.Flush()); err != nil {
		return err
	}
	fmt.Fprintln(sh.out, "copied; the secret stays the same")
	return nil
}

const backupHelp = `
Copies a SQLite store into FILE, which must not be there, while nodes serve it. All that was acknowledged before is in
the copy; to restore it, put it in the place of the database while no node serves. Keep the secret too, apart from it:
without the secret the copy signs nobody in. For MongoDB use mongodump.

It takes the settings of gatehouse serve, of which GATEHOUSE_STORE counts.
`

func (sh *shell) storeBackup(ctx context.Context, args []string) error {
	fs := sh.flags("store backup")
	fs.Usage = sh.help(fs, backupHelp)
	settle := config.Flags(fs)
	rest, err := sh.parse(fs, args, 1, 1)
	if err != nil {
		return err
	}
	cfg, err := settle(sh.environ, sh.warn)
	if err != nil {
		return err
	}
	path, ok := cfg.SQLitePath()
	if !ok {
		return errors.New("GATEHOUSE_STORE is MongoDB: back it up with mongodump")
	}
	if err := sqlite.Backup(ctx, path, rest[0]); err != nil {
		return err
	}
	fmt.Fprintf(sh.out, "%s has everything in %s; the secret is not in it\n", rest[0], path)
	return nil
}
