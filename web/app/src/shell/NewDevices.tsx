import type { Session } from "@gatehouse/client";
import { useDevices } from "@gatehouse/client/react";
import { useEffect, useRef, useState } from "react";
import { Link } from "../router";
import { Button } from "../ui/Button";
import { Shield } from "../ui/icons";
import { useAct } from "../ui/useAct";
import { nameOf, placeOf } from "../words/device";
import { sentence } from "../words/errors";
import { Announce, Bubble } from "./Status";
import { say } from "./status";

const most = 3; // notices at a time; the devices page has them all

/** Says at once when a device of this person signs in, and when one goes that this tab did not end. */
export function NewDevices() {
  const { data } = useDevices();
  const known = useRef<Map<string, Session>>(undefined);
  const [notices, setNotices] = useState<Session[]>([]);
  const told = useRef(new Set<string>()); // a notice says itself how it ends
  useEffect(() => {
    if (!data) return;
    const before = known.current;
    known.current = new Map(data.map((s) => [s.id, s]));
    if (!before) return;
    const fresh = data.filter((s) => !before.has(s.id) && !s.current);
    for (const s of fresh) told.current.add(s.id);
    if (fresh.length) setNotices((shown) => [...shown, ...fresh].slice(-most));
    for (const [id, s] of before)
      if (!known.current.has(id) && !told.current.has(id)) say(`${nameOf(s)} was signed out.`);
  }, [data]);
  const dismiss = (id: string) => setNotices((shown) => shown.filter((s) => s.id !== id));
  return (
    <Announce>
      {notices.map((s) => (
        <NewDevice
          key={s.id}
          session={s}
          here={data?.some((d) => d.id === s.id) ?? true}
          dismiss={() => dismiss(s.id)}
        />
      ))}
    </Announce>
  );
}

function NewDevice({ session, here, dismiss }: { session: Session; here: boolean; dismiss: () => void }) {
  const { revoke } = useDevices();
  const [ended, setEnded] = useState(false);
  const end = useAct(async () => {
    await revoke(session.id);
    setEnded(true);
  });
  useEffect(() => {
    if (!here && !ended && !end.pending) dismiss(); // it left by itself
  });
  if (ended)
    return (
      <Bubble onDismiss={dismiss}>
        <p className="font-medium">{nameOf(session)} is signed out.</p>
        <p className="mt-1 text-mute">
          If you don't know how it got in,{" "}
          <Link href="/security" className="link" onClick={dismiss}>
            change your password
          </Link>
          .
        </p>
      </Bubble>
    );
  return (
    <Bubble onDismiss={dismiss}>
      <div className="flex gap-3">
        <Shield size={20} className="mt-0.5 shrink-0 text-warn" />
        <div className="min-w-0">
          <p className="font-medium">{nameOf(session)} just signed in.</p>
          <p className="text-mute">
            {placeOf(session)} · {session.ip}
          </p>
          {Boolean(end.error) && <p className="mt-1 text-bad">{sentence(end.error)}</p>}
          <Button className="mt-2" busy={end.pending} onClick={() => end.run()}>
            This wasn't me
          </Button>
        </div>
      </div>
    </Bubble>
  );
}
