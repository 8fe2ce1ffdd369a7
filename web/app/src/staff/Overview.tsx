import type { Stats } from "@gatehouse/client";
import { useGatehouse } from "@gatehouse/client/react";
import { useEffect, useRef, useState } from "react";
import { Link } from "../router";
import { Note, Problem } from "../ui/Note";
import { Page, Skeleton } from "../ui/Page";
import { useLoad } from "../ui/useLoad";
import { useTick } from "../ui/useTick";
import { count, digits, fullTime, lasting } from "../words/time";
import { Chart, slots } from "./Chart";
import { EventTable } from "./EventTable";
import { PauseButton } from "./parts";
import { useFeed } from "./useFeed";

const every = 3000; // ms

export function Overview() {
  const { latest, past, error, retry, paused, setPaused, buffered } = useStats();
  return (
    <Page
      wide
      title="Overview"
      lead="Who is here, and on which nodes."
      actions={<PauseButton paused={paused} setPaused={setPaused} buffered={buffered} />}
    >
      <div className="mb-6 space-y-3 empty:hidden">
        <Problem
          error={error}
          what={latest ? "These numbers are old." : "The hub's numbers can't be shown."}
          retry={retry}
        />
        <FailedJobs />
      </div>
      <div className={`mb-6 grid gap-4 sm:grid-cols-3 ${error && latest ? "opacity-60" : ""}`}>
        <Tile name="People online" value={latest?.users_online} past={past.map((s) => s.users_online)} />
        <Tile name="Devices online" value={latest?.sessions_online} past={past.map((s) => s.sessions_online)} />
        <Tile name="Connections" value={latest?.connections} past={past.map((s) => s.connections)} />
      </div>
      <Nodes stats={latest} />
      <Lately />
    </Page>
  );
}

/** The hub's numbers every few seconds while somebody looks. */
function useStats() {
  const gh = useGatehouse();
  const [past, setPast] = useState<Stats[]>([]);
  const [waiting, setWaiting] = useState<Stats[]>([]);
  const [error, setError] = useState<unknown>();
  const [turn, setTurn] = useState(0);
  const [paused, setPausedNow] = useState(false);
  const still = useRef(paused);
  still.current = paused;
  // A press on Try again begins anew.
  useEffect(() => {
    let stopped = false;
    let timer: ReturnType<typeof setTimeout>;
    async function ask() {
      if (document.visibilityState === "visible") {
        try {
          const stats = await gh.admin.stats();
          if (stopped) return;
          setError(undefined);
          (still.current ? setWaiting : setPast)((had) => [...had, stats].slice(-slots));
        } catch (e) {
          if (!stopped) setError(e);
        }
      }
      if (!stopped) timer = setTimeout(ask, every);
    }
    void ask();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, [gh, turn]);
  function setPaused(next: boolean) {
    setPausedNow(next);
    if (next) return;
    setPast((had) => [...had, ...waiting].slice(-slots));
    setWaiting([]);
  }
  return {
    latest: past.at(-1),
    past,
    error,
    retry: () => setTurn(turn + 1),
    paused,
    setPaused,
    buffered: waiting.length,
  };
}

function Tile({ name, value, past }: { name: string; value?: number; past: number[] }) {
  return (
    <section className="card flex items-end overflow-clip sm:block" aria-label={name}>
      <div className="w-40 shrink-0 p-4 sm:w-auto sm:pb-0 desk:px-6 desk:pt-5">
        <h2 className="font-medium text-mute">{name}</h2>
        <p className="text-xl font-semibold">
          {value === undefined ? <span className="skeleton">000</span> : digits(value)}
        </p>
      </div>
      <Chart values={past} label={name} className="h-14 sm:mt-2 sm:h-16" />
    </section>
  );
}

function Nodes({ stats }: { stats?: Stats }) {
  useTick();
  const all = Math.max(1, ...(stats?.nodes.map((n) => n.connections) ?? []));
  return (
    <section className="card mb-6 overflow-clip" aria-label="Nodes">
      <h2 className="border-b border-line p-4 text-base font-semibold desk:px-6">
        Nodes {stats && <span className="font-normal text-mute">{stats.nodes.length}</span>}
      </h2>
      {!stats && <Skeleton rows={1} />}
      {stats && (
        <div className="table-box">
          <table className="table">
            <thead>
              <tr>
                <th scope="col">Node</th>
                <th scope="col">Connections</th>
                <th scope="col">Running</th>
                <th scope="col">Knowledge</th>
              </tr>
            </thead>
            <tbody>
              {stats.nodes.map((n) => (
                <tr key={n.id}>
                  <td className="font-mono text-xs">{n.id}</td>
                  <td data-label="Connections" className="w-2/5">
                    <span className="flex flex-1 items-center gap-3 tabular-nums">
                      <span className="w-14">{digits(n.connections)}</span>
                      <svg
                        className="h-2 min-w-0 flex-1 rounded-full bg-well"
                        viewBox="0 0 100 8"
                        preserveAspectRatio="none"
                        aria-hidden="true"
                      >
                        <rect width={(100 * n.connections) / all} height="8" className="fill-link" />
                      </svg>
                    </span>
                  </td>
                  <td data-label="Running" title={fullTime(n.started_at)} className="whitespace-nowrap">
                    {lasting(n.started_at)}
                  </td>
                  <td data-label="Knowledge">
                    <Fresh ms={n.lag_ms} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

/** How old a node's knowledge of ended sessions is. It reads every few seconds; past the fence it serves nobody. */
function Fresh({ ms }: { ms: number }) {
  const old = ms > 12_000;
  return (
    <span className={`inline-flex items-center gap-1.5 whitespace-nowrap ${old ? "text-bad" : ""}`}>
      <span className={`dot ${old ? "border-bad" : "dot-on"}`} aria-hidden />
      {old ? "Behind" : "Fresh"}{" "}
      <span className="text-mute tabular-nums">{ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`}</span>
    </span>
  );
}

function FailedJobs() {
  const gh = useGatehouse();
  const { data } = useLoad(() => gh.admin.jobs.list({ state: "dead", limit: 1 }));
  if (!data?.total) return null;
  return (
    <Note look="warn">
      {count(data.total, "job")} failed for good.{" "}
      <Link href="/staff/jobs?state=dead" className="link">
        Look at {data.total === 1 ? "it" : "them"}
      </Link>
    </Note>
  );
}

function Lately() {
  const gh = useGatehouse();
  const feed = useFeed(
    {
      list: async () => ({ items: (await gh.admin.audit.list({ limit: 8 })).events }),
      watch: (cb, onGap, onError) => gh.admin.audit.watch(cb, onGap, onError),
      fits: () => true,
    },
    "",
  );
  return (
    <section className="card overflow-clip" aria-label="Lately">
      <div className="flex items-center justify-between gap-3 border-b border-line p-4 desk:px-6">
        <h2 className="text-base font-semibold">Lately</h2>
        <Link href="/staff/audit" className="link">
          All of it
        </Link>
      </div>
      {Boolean(feed.error) && (
        <div className="p-4">
          <Problem error={feed.error} retry={feed.reload} />
        </div>
      )}
      {!feed.items && feed.isLoading && <Skeleton rows={4} />}
      {feed.items && <EventTable events={feed.items.slice(0, 8)} />}
    </section>
  );
}
