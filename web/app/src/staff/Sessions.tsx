import { useAdminSessions } from "@gatehouse/client/react";
import { useRef, useState } from "react";
import { Button } from "../ui/Button";
import { Screens } from "../ui/icons";
import { Problem } from "../ui/Note";
import { Empty, Page, Skeleton } from "../ui/Page";
import { count, digits } from "../words/time";
import { PauseButton, SearchBox, Toolbar } from "./parts";
import { SessionTable } from "./SessionTable";
import { useUrlQuery } from "./useUrlQuery";

const step = 50;
const most = 200; // what the hub gives at a time

export function Sessions() {
  const { typed, value, set } = useUrlQuery();
  const [limit, setLimit] = useState(step);
  const live = useAdminSessions({ q: value || undefined, limit });
  const list = useRef<HTMLDivElement>(null);
  const { sessions, total, error } = live;
  return (
    <Page
      wide
      title="Sessions"
      lead={
        sessions ? `${count(total, "session")}${value ? " found" : ""}, live` : "Everybody's signed-in devices, live"
      }
      actions={<PauseButton {...live} />}
    >
      <Toolbar>
        <SearchBox
          label="Search sessions"
          value={typed}
          onChange={set}
          placeholder="E-mail, name, device, IP address or id"
        />
      </Toolbar>
      {error && (
        <div className="mb-4">
          <Problem error={error} what={sessions ? "This list may be old." : "The sessions can't be shown."} />
        </div>
      )}
      <div className={`card overflow-clip ${error && sessions ? "opacity-60" : ""}`}>
        {!sessions && live.isLoading && <Skeleton rows={8} />}
        {sessions && sessions.length > 0 && (
          <SessionTable sessions={sessions} pendingIds={live.pendingIds} end={live.end} list={list} />
        )}
        {sessions?.length === 0 && (
          <Empty icon={<Screens size={22} />} title={value ? "No session found" : "Nobody is signed in"}>
            {value &&
              "A search finds the beginning of a word of an e-mail address or a name, or a whole IP address or id."}
          </Empty>
        )}
      </div>
      {sessions && total > sessions.length && (
        <p className="mt-4 flex flex-wrap items-center justify-center gap-3 text-mute">
          The {digits(sessions.length)} newest of {digits(total)}.
          {limit < most ? (
            <Button onClick={() => setLimit(Math.min(most, limit * 2))}>Show more</Button>
          ) : (
            " Search to find the others."
          )}
        </p>
      )}
    </Page>
  );
}
