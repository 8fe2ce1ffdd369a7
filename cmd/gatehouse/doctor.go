package main

import (
	"context"

	"github.com/gatehouse-dev/gatehouse/internal/doctor"
)

// doctor says what is wrong with the settings and with what they name. It ends with 1 if there is a problem.
func (sh *shell) doctor(ctx context.Context, args []string) error {
	fs := sh.flags("doctor")
	asJSON := fs.Bool("json", false, "print {checks: [{verdict, check, found, do}]}")
	_, settle, err := sh.read(fs, args, 0, 0)
	if err != nil {
		return err
	}
	var report doctor.Report
	if cfg, err := settle(sh.environ, sh.warn); err != nil {
		report = doctor.Misconfigured(err)
	} else {
		report = doctor.Examine(ctx, cfg)
	}
	write := report.Print
	if *asJSON {
		write = report.JSON
	}
	if err := write(sh.out); err != nil {
		return err
	}
	if !report.Healthy() {
		return errSaid
	}
	return nil
}
