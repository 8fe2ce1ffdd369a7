package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/reseal"
	"github.com/gatehouse-dev/gatehouse/internal/rules"
)

func (sh *shell) keysList(ctx context.Context, args []string) error {
	return sh.on(ctx, sh.flags("keys list"), args, 0, 0, func(r *rules.Rules, _ []string) error {
		keys, err := r.Keyset.List(ctx)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "KID\tSTATE\tCREATED\tACTIVE SINCE\tWITHDRAWN AT")
		for _, k := range keys {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", k.Kid, k.State, when(k.CreatedAt), when(k.ActivatedAt), when(k.WithdrawAt))
		}
		return w.Flush()
	})
}

func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

func (sh *shell) keysRotate(ctx context.Context, args []string) error {
	return sh.on(ctx, sh.flags("keys rotate"), args, 0, 0, func(r *rules.Rules, _ []string) error {
		if err := r.Keyset.Rotate(ctx); err != nil {
			return err
		}
		fmt.Fprintln(sh.out, "rotated: the next key signs within seconds on all nodes, the one before is good until its tokens have expired")
		return nil
	})
}

const resealHelp = `
To exchange the secret: give all nodes the new one as GATEHOUSE_SECRET_PREVIOUS, then swap the two on all of them, then run
this with the same two, then drop GATEHOUSE_SECRET_PREVIOUS. Nodes may serve meanwhile, and it can be repeated.

`

func (sh *shell) keysReseal(ctx context.Context, args []string) error {
	_, settle, err := sh.readWith(sh.flags("keys reseal"), resealHelp, args, 0, 0)
	if err != nil {
		return err
	}
	return sh.with(ctx, settle, func(r *rules.Rules) error {
		report, err := (&reseal.Service{Store: r.Store, Keyset: r.Keyset, Box: r.Box}).Run(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(sh.out, "resealed %d of %d records\n", report.Resealed, report.Records)
		return sh.judge(report)
	})
}

// judge says whether the previous secret can go, and is the failure if it cannot.
func (sh *shell) judge(r reseal.Report) error {
	for _, err := range r.Unopened {
		fmt.Fprintln(sh.err, err)
	}
	if r.Late > 0 {
		fmt.Fprintf(sh.err, "%d records were sealed with the previous secret meanwhile: a node still has it as GATEHOUSE_SECRET; swap it there, and run this again\n", r.Late)
	}
	if r.Running > 0 {
		fmt.Fprintf(sh.err, "%d jobs run just now: run this again in a minute\n", r.Running)
	}
	if !r.Done() {
		return errSaid
	}
	fmt.Fprintln(sh.out, "nothing stored needs GATEHOUSE_SECRET_PREVIOUS any more; links in mails that were sent before the exchange do")
	return nil
}
