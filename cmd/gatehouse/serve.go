package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"

	"github.com/gatehouse-dev/gatehouse"
	"github.com/gatehouse-dev/gatehouse/internal/config"
)

// serve runs a node until the process is told to end, then drains it. The set-up link goes to standard output, logs
// go to standard error.
func (sh *shell) serve(ctx context.Context, args []string) error {
	fs := sh.flags("serve")
	fs.Usage = func() {
		fmt.Fprint(sh.out, "gatehouse serve: settings, by flag or environment variable\n\n")
		_ = config.Usage(sh.out)
	}
	settle := config.Flags(fs)
	if _, err := sh.parse(fs, args, 0, 0); err != nil {
		return err
	}
	cfg, err := settle(sh.environ, sh.warn)
	if err != nil {
		return err
	}
	layFloor()
	gatehouse.Version = version()
	log := sh.logger(cfg)

	// Sockets are pinged, and requests have time limits: TCP has nothing to keep alive.
	ln, err := (&net.ListenConfig{KeepAlive: -1}).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("GATEHOUSE_LISTEN: %w", err)
	}
	g, err := gatehouse.Open(ctx, cfg, gatehouse.Options{Log: log})
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	if cfg.MetricsListen != "" {
		metrics, err := net.Listen("tcp", cfg.MetricsListen)
		if err != nil {
			return errors.Join(fmt.Errorf("GATEHOUSE_METRICS_LISTEN: %w", err), ln.Close(), g.Close())
		}
		go func() {
			if err := g.ServeMetrics(ctx, metrics); err != nil {
				log.Error("metrics are not served", "error", err)
			}
		}()
	}
	link, err := g.SetupLink(ctx)
	if err != nil {
		return errors.Join(err, ln.Close(), g.Close())
	}
	log.Info("serving", "url", cfg.PublicURL.String(), "listen", ln.Addr().String(), "version", gatehouse.Version)
	fmt.Fprintf(sh.out, "Gatehouse serves %s\n", cfg.PublicURL)
	if link != "" {
		fmt.Fprintf(sh.out, "\nThere is no admin yet. Make the first one within an hour by this set-up link:\n\n  %s\n\nor by: gatehouse user create --email you@example.com --role admin\n\n", link)
	}
	return g.Serve(ctx, ln)
}

func (sh *shell) logger(cfg config.Config) *slog.Logger {
	opts := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == config.LogJSON {
		return slog.New(slog.NewJSONHandler(sh.err, opts))
	}
	return slog.New(slog.NewTextHandler(sh.err, opts))
}

// release is set by release builds.
var release string

// version is the release, or what the toolchain knows of the source.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}
