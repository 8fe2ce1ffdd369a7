import type { Job } from "@gatehouse/client";
import { useGatehouse } from "@gatehouse/client/react";
import { memo, useRef, useState } from "react";
import { say } from "../shell/status";
import { Ago } from "../ui/Ago";
import { Button } from "../ui/Button";
import { Tasks } from "../ui/icons";
import { Problem } from "../ui/Note";
import { Empty, Page, Skeleton } from "../ui/Page";
import { useRowFocus } from "../ui/rows";
import { useAct } from "../ui/useAct";
import { minuteOf } from "../words/time";
import { Choice, PauseButton, Toolbar } from "./parts";
import { useFeed } from "./useFeed";
import { useUrlChoice } from "./useUrlQuery";

const states: [string, string][] = [
  ["", "Every state"],
  ["queued", "Queued"],
  ["running", "Running"],
  ["done", "Done"],
  ["dead", "Failed for good"],
];
const kinds: [string, string][] = [
  ["", "Every kind"],
  ["mail", "Mail"],
  ["webhook", "Webhook"],
  ["location", "Location"],
];
const looks: Record<string, string> = {
  done: "text-good",
  dead: "bg-bad-soft text-bad",
  running: "bg-link-soft text-link",
};
/** What stands in the address may be anything; the hub says so. */
const asked = <T extends string>(value: string) => (value || undefined) as T | undefined;
const nameIn = (list: [string, string][], of: string) => list.find(([value]) => value === of)?.[1] ?? of;

export function Jobs() {
  const gh = useGatehouse();
  const [state, setState] = useUrlChoice("state");
  const [kind, setKind] = useUrlChoice("kind");
  const list = useRef<HTMLDivElement>(null);
  const [gone, setGone] = useState<ReadonlySet<string>>(new Set());
  const feed = useFeed<Job>(
    {
      async list(cursor) {
        const page = await gh.admin.jobs.list({ cursor, state: asked(state), kind: asked(kind) });
        return { items: page.jobs, next: page.next_cursor, total: page.total };
      },
      watch: (cb, onGap, onError) => gh.admin.jobs.watch(cb, onGap, onError),
      // A job that leaves the state that is asked for stays where it was, to be seen leaving.
      fits: (job) => !kind || job.kind === kind,
    },
    JSON.stringify([state, kind]),
  );
  const items = feed.items?.filter((job) => !gone.has(job.id));
  useRowFocus(list, items?.map((job) => job.id) ?? [], "h1");
  const more = useAct(async () => feed.more?.());
  const { error } = feed;
  return (
    <Page
      wide
      title="Jobs"
      lead="Mail, webhooks and look-ups that are done after the answer."
      actions={<PauseButton {...feed} />}
    >
      <Toolbar>
        <Choice label="State" value={state} onChange={setState} options={states} />
        <Choice label="Kind" value={kind} onChange={setKind} options={kinds} />
      </Toolbar>
      {Boolean(error) && (
        <div className="mb-4">
          <Problem
            error={error}
            what={items ? "This list may be old." : "The jobs can't be shown."}
            retry={feed.reload}
          />
        </div>
      )}
      <div className={`card overflow-clip ${error && items ? "opacity-60" : ""}`}>
        {!items && feed.isLoading && <Skeleton rows={6} />}
        {items && items.length > 0 && (
          <div className="table-box" ref={list}>
            <table className="table">
              <thead>
                <tr>
                  <th scope="col">Job</th>
                  <th scope="col">State</th>
                  <th scope="col">Tries</th>
                  <th scope="col">Made</th>
                  <th scope="col">
                    <span className="sr-only">Actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {items.map((job) => (
                  <Row key={job.id} job={job} remove={(id) => setGone((had) => new Set(had).add(id))} />
                ))}
              </tbody>
            </table>
          </div>
        )}
        {items?.length === 0 && (
          <Empty icon={<Tasks size={22} />} title="No jobs">
            What is done is forgotten after a day, what failed for good after thirty.
          </Empty>
        )}
      </div>
      {feed.more && (
        <div className="mt-4 space-y-2 text-center">
          <Problem error={more.error} />
          <Button busy={more.pending} onClick={() => more.run()}>
            Show older
          </Button>
        </div>
      )}
    </Page>
  );
}

const Row = memo(function Row({ job, remove }: { job: Job; remove: (id: string) => void }) {
  const gh = useGatehouse();
  const name = nameIn(kinds, job.kind);
  const again = useAct(async () => {
    await gh.admin.jobs.retry(job.id);
    say(`${name} is tried again.`);
  });
  const drop = useAct(async () => {
    await gh.admin.jobs.remove(job.id);
    remove(job.id);
    say(`${name} is removed.`);
  });
  const error = again.error ?? drop.error;
  return (
    <tr data-row={job.id}>
      <td>
        <p className="font-medium">{name}</p>
        <p className="font-mono text-xs text-mute">{job.id}</p>
        {job.last_error && <p className="mt-1 text-bad">{job.last_error}</p>}
        {Boolean(error) && <Problem error={error} />}
      </td>
      <td data-label="State">
        <div>
          <span className={`badge ${looks[job.state] ?? ""}`}>{nameIn(states, job.state)}</span>
          {job.state === "queued" && job.attempts > 0 && (
            <p className="mt-1 text-mute">next try {minuteOf(job.run_at)}</p>
          )}
        </div>
      </td>
      <td data-label="Tries" className="tabular-nums">
        {job.attempts}
      </td>
      <td data-label="Made" className="whitespace-nowrap text-mute">
        <Ago at={job.created_at} />
      </td>
      <td>
        <div className="flex flex-wrap gap-2 desk:justify-end">
          {job.state !== "done" && (
            <Button
              data-does="retry"
              aria-label={`Try again ${name} ${job.id}`}
              busy={again.pending}
              onClick={() => again.run()}
            >
              Try again
            </Button>
          )}
          <Button
            data-does="remove"
            look="quiet"
            aria-label={`Remove ${name} ${job.id}`}
            busy={drop.pending}
            onClick={() => drop.run()}
          >
            Remove
          </Button>
        </div>
      </td>
    </tr>
  );
});
