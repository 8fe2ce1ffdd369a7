// Package outbox is the durable queue: what has to happen because of something else, and must not be forgotten when
// this process dies, such as the mail after a password reset or the webhook after a kick.
//
// The store has no transactions over several records. So a job is queued before the fact that causes it, a little
// delayed; who wrote the fact makes the job due at once; and when the job runs it looks whether its fact holds. A
// process that dies between leaves a job that runs after its delay, and finds its fact or finds nothing to do. A fact that
// is slow to come is waited for.
//
// A worker claims a job for a lease, which it renews while it works. When it dies the lease runs out and another worker
// begins again, on this node or any other. So a job is done at least once: its handler makes doing it twice harmless,
// by the job's id.
package outbox
