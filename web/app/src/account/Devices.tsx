import { useDevices } from "@gatehouse/client/react";
import { useRef, useState } from "react";
import { useConfirmed } from "../shell/StepUp";
import { say } from "../shell/status";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Screens } from "../ui/icons";
import { Problem } from "../ui/Note";
import { Empty, Page, Skeleton } from "../ui/Page";
import { useRowFocus } from "../ui/rows";
import { useAct } from "../ui/useAct";
import { nameOf } from "../words/device";
import { count } from "../words/time";
import { DeviceRow } from "./DeviceRow";

export function Devices() {
  const { data, others, isLoading, error, refetch, rename, revoke, pendingIds } = useDevices();
  const list = useRef<HTMLUListElement>(null);
  const ids = data?.map((s) => s.id) ?? [];
  useRowFocus(list, ids, "h1");
  const first = useRef<string[]>(undefined);
  if (data) first.current ??= ids;
  return (
    <Page title="Devices" lead="Where you are signed in, as it happens." actions={data && <SignOutOthers />}>
      {error && (
        <div className="mb-4">
          <Problem
            error={error}
            what={data ? "This list may be old." : "Your devices can't be shown."}
            retry={refetch}
          />
        </div>
      )}
      <div className={`card overflow-clip ${error && data ? "opacity-60" : ""}`}>
        {isLoading && !data && <Skeleton rows={3} className="h-28" />}
        <ul ref={list} aria-label="Devices">
          {data?.map((s) => (
            <DeviceRow
              key={s.id}
              session={s}
              pending={pendingIds.has(s.id)}
              fresh={!first.current?.includes(s.id)}
              rename={rename}
              revoke={revoke}
            />
          ))}
        </ul>
        {data && !others.length && (
          <div className="border-t border-line">
            <Empty icon={<Screens size={22} />} title="No other device is signed in">
              Sign in on your phone or in another browser, and it appears here at once.
            </Empty>
          </div>
        )}
      </div>
    </Page>
  );
}

/** Says which devices that are before it does it. */
function SignOutOthers() {
  const { others, revokeOthers } = useDevices();
  const confirmed = useConfirmed();
  const [asking, setAsking] = useState(false);
  const act = useAct(async () => {
    const n = others.length;
    await confirmed(revokeOthers);
    setAsking(false);
    say(`${count(n, "other device")} signed out.`);
  });
  return (
    <>
      {!others.length && (
        <span id="no-others" className="text-mute max-desk:sr-only">
          No other device is signed in
        </span>
      )}
      <Button
        disabled={!others.length}
        aria-describedby={others.length ? undefined : "no-others"}
        title={others.length ? undefined : "No other device is signed in"}
        onClick={() => setAsking(true)}
      >
        Sign out all other devices
      </Button>
      {asking && (
        <Dialog title="Sign out all other devices?" onClose={() => setAsking(false)}>
          {others.length ? (
            <>
              <p>
                {others.length === 1
                  ? "This device is signed out at once:"
                  : `These ${others.length} devices are signed out at once:`}
              </p>
              <ul className="max-h-48 list-disc space-y-1 overflow-y-auto pl-5">
                {others.map((s) => (
                  <li key={s.id}>{nameOf(s)}</li>
                ))}
              </ul>
            </>
          ) : (
            <p>The last of them has just gone.</p>
          )}
          <Problem error={act.error} />
          <div className="flex flex-wrap gap-2">
            <Button look="bad" busy={act.pending} disabled={!others.length} onClick={() => act.run()}>
              Sign out {others.length === 1 ? "1 device" : `${others.length} devices`}
            </Button>
            <Button onClick={() => setAsking(false)}>Cancel</Button>
          </div>
        </Dialog>
      )}
    </>
  );
}
