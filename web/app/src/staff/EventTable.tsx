import type { Event } from "@gatehouse/client";
import { memo, useEffect } from "react";
import { Link } from "../router";
import { act, alarming, toward } from "../words/event";
import { fullTime, minuteOf } from "../words/time";
import { type Told, useNames } from "./names";

/** Time, who, act and whom, in words; the ids stand below, since names change and ids don't. */
export function EventTable({ events }: { events: Event[] }) {
  return (
    <div className="table-box">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">What happened</th>
            <th scope="col">From</th>
          </tr>
        </thead>
        <tbody>
          {events.map((e) => (
            <Row key={e.id} event={e} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

const actors: Record<string, string> = {
  shell: "The shell",
  system: "The hub",
  setup: "The set-up link",
  address: "Somebody",
};

const Row = memo(function Row({ event: e }: { event: Event }) {
  const whom =
    (e as Told).user ?? (e.target.kind === "user" ? { id: e.target.id ?? "", email: "", name: "" } : undefined);
  const join = toward(e);
  return (
    <tr data-row={e.id}>
      <td className="w-36 whitespace-nowrap text-mute tabular-nums">
        <time dateTime={e.at} title={fullTime(e.at)}>
          {minuteOf(e.at)}
        </time>
      </td>
      <td>
        <p className={alarming(e) ? "text-bad" : ""}>
          {e.actor.kind === "user" ? (
            <Person id={e.actor.id ?? ""} name={e.actor.name} />
          ) : (
            <span className="font-medium">{actors[e.actor.kind] ?? e.actor.kind}</span>
          )}{" "}
          {act(e)}
          {whom && join && whom.id !== e.actor.id && (
            <>
              {" "}
              {join} <Person id={whom.id} name={whom.name || whom.email} />
            </>
          )}
        </p>
        {e.reason && <p className="text-mute">Reason: {e.reason}</p>}
        {e.details.message && <p className="text-mute">Told: “{e.details.message}”</p>}
        <p className="font-mono text-xs text-mute">
          {[e.target.id ?? e.target.kind, e.details.sockets && `${e.details.sockets} sockets`]
            .filter(Boolean)
            .join(" · ")}
        </p>
      </td>
      <td data-label="From" className="text-mute tabular-nums">
        {e.ip || "—"}
      </td>
    </tr>
  );
});

function Person({ id, name }: { id: string; name?: string }) {
  const names = useNames();
  useEffect(() => {
    if (!name && id) names.want(id);
  }, [names, id, name]);
  const known = names.get(id);
  return (
    <Link href={`/staff/users/${id}`} className="link" title={id}>
      {name || known?.name || known?.email || id || "a user"}
    </Link>
  );
}
