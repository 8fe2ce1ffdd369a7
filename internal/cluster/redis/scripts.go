package redis

import (
	"context"
	"embed"
	"fmt"

	driver "github.com/redis/go-redis/v9"
)

//go:embed lua/*.lua
var sources embed.FS

// The scripts. Each begins with a comment of its keys, its arguments and what is atomic about it.
var (
	reportScript = compose("change", "report")
	removeScript = compose("change", "remove")
	hintScript   = compose("hint")
	routeScript  = compose("route")
	joinScript   = compose("lease", "join")
	renewScript  = compose("lease", "renew")
	leasesScript = compose("lease", "leases")
	claimScript  = compose("lease", "claim")
	leaveScript  = compose("lease", "leave")
	bucketScript = compose("bucket")
)

// piped are the scripts that run in pipelines, where a server that does not know one cannot be sent it in between.
var piped = []*driver.Script{reportScript, removeScript, hintScript, routeScript}

// compose makes a script of files. They are part of the program: one that is missing is a mistake in it.
func compose(files ...string) *driver.Script {
	var source string
	for _, name := range files {
		text, err := sources.ReadFile("lua/" + name + ".lua")
		if err != nil {
			panic(err)
		}
		source += string(text)
	}
	return driver.NewScript(source)
}

// load gives every server the scripts of pipelines.
func (c *Cluster) load(ctx context.Context) error {
	return c.servers(ctx, func(ctx context.Context, server *driver.Client) error {
		for _, s := range piped {
			if err := s.Load(ctx, server).Err(); err != nil {
				return fmt.Errorf("load script: %w", err)
			}
		}
		return nil
	})
}

// unknown tells whether a server did not know a script: it restarted, or took over from another.
func unknown(err error) bool { return err != nil && driver.HasErrorPrefix(err, "NOSCRIPT") }
