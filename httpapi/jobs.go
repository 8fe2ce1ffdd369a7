package httpapi

import (
	"context"
	"net/http"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
)

// JobPage is a part of the outbox, newest first.
type JobPage struct {
	Jobs       []wire.Job `json:"jobs"`
	NextCursor string     `json:"next_cursor,omitempty"`
	Total      int        `json:"total"`
}

type jobSearch struct {
	Paging
	Kind  string `query:"kind" enum:"mail,webhook,location"`
	State string `query:"state" enum:"queued,running,done,dead"`
}

type jobPath struct {
	ID string `path:"id"`
}

func (a *API) jobRoutes() {
	const tag = "Staff: jobs"
	handle(a, route{method: "GET", path: "/admin/jobs", tag: tag, roles: adminRole, summary: "The outbox"}, a.jobs)
	handle(a, route{method: "POST", path: "/admin/jobs/{id}/retry", tag: tag, roles: adminRole, summary: "Try a job again, now"}, a.retryJob)
	handle(a, route{method: "DELETE", path: "/admin/jobs/{id}", tag: tag, roles: adminRole, status: http.StatusNoContent,
		summary: "Delete a job"}, a.deleteJob)
}

// JobOf is a job as staff sees it: never what it carries.
func JobOf(j outbox.Job) wire.Job {
	return wire.Job{
		ID: j.ID, Kind: j.Kind, State: j.State, Attempts: j.Attempts, RunAt: wire.At(j.RunAt), LastError: j.LastError, CreatedAt: wire.At(j.CreatedAt),
	}
}

func (a *API) jobs(ctx context.Context, _ *call, in *jobSearch) (*answer[JobPage], error) {
	page, err := a.cfg.Queue.List(ctx, outbox.Query{Kind: in.Kind, State: in.State, Cursor: in.Cursor, Limit: in.limit()})
	if err != nil {
		return nil, err
	}
	out := JobPage{Jobs: make([]wire.Job, len(page.Jobs)), NextCursor: page.Next, Total: page.Total}
	for i, j := range page.Jobs {
		out.Jobs[i] = JobOf(j)
	}
	return &answer[JobPage]{out}, nil
}

func (a *API) retryJob(ctx context.Context, _ *call, in *jobPath) (*answer[wire.Job], error) {
	j, err := a.cfg.Queue.Retry(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &answer[wire.Job]{JobOf(j)}, nil
}

func (a *API) deleteJob(ctx context.Context, _ *call, in *jobPath) (*nothing, error) {
	return nil, a.cfg.Queue.Delete(ctx, in.ID)
}
