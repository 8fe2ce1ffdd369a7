import type { Event, EventPage } from "@gatehouse/client";
import { useGatehouse } from "@gatehouse/client/react";
import { Button } from "../ui/Button";
import { Past } from "../ui/icons";
import { Problem } from "../ui/Note";
import { Empty, Page, Skeleton } from "../ui/Page";
import { useAct } from "../ui/useAct";
import { useLoad } from "../ui/useLoad";
import { alarming, mineWords } from "../words/event";
import { clockOf, dayOf, fullTime } from "../words/time";

export function Activity() {
  const gh = useGatehouse();
  const { data, error, loading, reload, set } = useLoad<EventPage>(() => gh.auth.activity());
  const more = useAct(async (page: EventPage) => {
    const older = await gh.auth.activity({ cursor: page.next_cursor });
    set({ ...older, events: [...page.events, ...older.events] });
  });
  return (
    <Page
      title="Activity"
      lead="What happened to your account. If something here wasn't you, change your password."
      actions={
        <Button busy={loading && Boolean(data)} onClick={reload}>
          Refresh
        </Button>
      }
    >
      {Boolean(error) && (
        <div className="mb-4">
          <Problem error={error} what={data ? "This may be old." : "Your activity can't be shown."} retry={reload} />
        </div>
      )}
      <div className={`card overflow-clip ${error && data ? "opacity-60" : ""}`}>
        {loading && !data && <Skeleton rows={6} />}
        {data && !data.events.length && (
          <Empty icon={<Past size={22} />} title="Nothing yet">
            Sign-ins, changed passwords and the like are kept here.
          </Empty>
        )}
        {data && byDay(data.events).map(([day, events]) => <Day key={day} day={day} events={events} />)}
      </div>
      {data?.next_cursor && (
        <div className="mt-4 space-y-2 text-center">
          <Problem error={more.error} />
          <Button busy={more.pending} onClick={() => more.run(data)}>
            Show older
          </Button>
        </div>
      )}
    </Page>
  );
}

function byDay(events: Event[]): [string, Event[]][] {
  const days = new Map<string, Event[]>();
  for (const e of events) days.set(dayOf(e.at), [...(days.get(dayOf(e.at)) ?? []), e]);
  return [...days];
}

function Day({ day, events }: { day: string; events: Event[] }) {
  return (
    <section className="border-b border-line last:border-0">
      <h2 className="bg-well px-4 py-1.5 text-xs font-medium text-mute desk:px-6">{day}</h2>
      <ul>
        {events.map((e) => (
          <li key={e.id} className="flex items-baseline gap-4 border-b border-line px-4 py-3 last:border-0 desk:px-6">
            <time
              dateTime={e.at}
              title={fullTime(e.at)}
              className="w-18 shrink-0 whitespace-nowrap text-mute tabular-nums"
            >
              {clockOf(e.at)}
            </time>
            <div className="min-w-0 flex-1">
              <p className={alarming(e) ? "font-medium text-bad" : ""}>{mineWords(e)}</p>
              <p className="text-mute">{by(e)}</p>
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Who did it, where it wasn't the person, and from where. */
function by({ actor, ip, details }: Event): string {
  const who =
    actor.kind === "user" && !actor.id
      ? `By an administrator${actor.name ? `, ${actor.name}` : ""}`
      : actor.kind === "shell"
        ? "By the operator of this hub"
        : actor.kind === "system"
          ? "By the hub"
          : "";
  const told = details.message ? `“${details.message}”` : "";
  return [who, told, ip && `From ${ip}`].filter(Boolean).join(" · ");
}
