import type { Session, Why as Told } from "@gatehouse/client";
import { memo, type RefObject, useState } from "react";
import { DeviceIcon, Presence } from "../account/DeviceRow";
import { Link } from "../router";
import { say } from "../shell/status";
import { Button } from "../ui/Button";
import { useRowFocus } from "../ui/rows";
import { nameOf, placeOf, signedInBy } from "../words/device";
import { count, dateOf, fullTime } from "../words/time";
import { Why } from "./Why";

interface Props {
  sessions: Session[];
  pendingIds: ReadonlySet<string>;
  end: (id: string, why?: Told) => Promise<void>;
  list: RefObject<HTMLDivElement | null>;
  /** Whose they are is known. */
  ofOne?: boolean;
}

export function SessionTable({ sessions, pendingIds, end, list, ofOne }: Props) {
  const [asking, setAsking] = useState<Session>();
  useRowFocus(
    list,
    sessions.map((s) => s.id),
    "h1",
  );
  return (
    <div ref={list} className="table-box table-wide">
      <table className={`table ${ofOne ? "" : "table-fixed"}`}>
        <thead>
          <tr>
            {!ofOne && (
              <th scope="col" className="w-[23%]">
                User
              </th>
            )}
            <th scope="col" className="w-[24%]">
              Device
            </th>
            <th scope="col" className="w-[20%]">
              Presence
            </th>
            <th scope="col" className="w-[17%]">
              Place
            </th>
            <th scope="col">
              <span className="sr-only">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {sessions.map((s) => (
            <Row key={s.id} session={s} pending={pendingIds.has(s.id)} ask={setAsking} ofOne={ofOne} />
          ))}
        </tbody>
      </table>
      {asking && (
        <Why
          title="End this session?"
          submit="End session"
          close={() => setAsking(undefined)}
          act={async (why) => {
            await end(asking.id, why);
            say(`Session of ${asking.user?.email ?? nameOf(asking)} ended.`);
          }}
        >
          <p>
            <strong className="font-medium">{nameOf(asking)}</strong>
            {asking.user && <> of {asking.user.email}</>} is signed out at once.
          </p>
        </Why>
      )}
    </div>
  );
}

const Row = memo(function Row({
  session: s,
  pending,
  ask,
  ofOne,
}: {
  session: Session;
  pending: boolean;
  ask: (s: Session) => void;
  ofOne?: boolean;
}) {
  return (
    <tr data-row={s.id} className={pending ? "opacity-50" : ""} aria-busy={pending || undefined}>
      {!ofOne && (
        <td>
          <Link href={`/staff/users/${s.user_id}`} className="link">
            {s.user?.name || s.user?.email || s.user_id}
          </Link>
          {s.user?.name && <p className="text-mute">{s.user.email}</p>}
        </td>
      )}
      <td>
        <div className="flex gap-3">
          <span className="mt-0.5 text-mute">
            <DeviceIcon session={s} size={18} />
          </span>
          <div className="min-w-0">
            <p>
              {nameOf(s)} {s.current && <span className="badge text-good">This device</span>}
            </p>
            <p className="text-mute">{signedInBy(s)}</p>
          </div>
        </div>
      </td>
      <td data-label="Presence">
        <div>
          <Presence session={s} />
          <p className="pl-3.5 text-mute">
            {s.connections > 1 && `${count(s.connections, "tab")} · `}
            <time dateTime={s.created_at} title={fullTime(s.created_at)}>
              since {dateOf(s.created_at)}
            </time>
          </p>
        </div>
      </td>
      <td data-label="Place">
        <div>
          <p className="tabular-nums">{s.ip}</p>
          <p className="text-mute">{placeOf(s)}</p>
        </div>
      </td>
      <td className="@min-[57rem]:text-right">
        <Button
          data-does="end"
          aria-label={`End session of ${s.user?.email ?? "this user"} on ${nameOf(s)}`}
          busy={pending}
          onClick={() => ask(s)}
        >
          End session
        </Button>
      </td>
    </tr>
  );
});
