import { useAuth, useConnection } from "@gatehouse/client/react";
import { createContext, type ReactNode, useContext, useEffect, useState, useSyncExternalStore } from "react";
import { createPortal } from "react-dom";
import { Close } from "../ui/icons";
import { currentlySaid, forget, hush, watchSaid } from "./status";

const Region = createContext<HTMLElement | null>(null);

/**
 * The one live region of the page, polite and without focus: messages, "Reconnecting…", and what Announce puts there.
 * It is in the document from the start, since a region that appears with its words is not read.
 */
export function Status({ children }: { children: ReactNode }) {
  const [region, setRegion] = useState<HTMLElement | null>(null);
  const said = useSyncExternalStore(watchSaid, currentlySaid);
  useEffect(() => forget, []);
  return (
    <Region value={region}>
      {children}
      <div className="pointer-events-none fixed inset-x-4 bottom-20 z-30 flex justify-center desk:bottom-6 desk:justify-end desk:right-6">
        <div role="status" ref={setRegion} className="flex w-full max-w-sm flex-col gap-2 *:pointer-events-auto">
          <Reconnecting />
          {said.length > 0 && (
            <Bubble onDismiss={hush}>
              {said.map((text) => (
                <p key={text}>{text}</p>
              ))}
            </Bubble>
          )}
        </div>
      </div>
    </Region>
  );
}

/** Puts something into the region for as long as it is drawn. */
export function Announce({ children }: { children: ReactNode }) {
  const region = useContext(Region);
  return region && createPortal(children, region);
}

export function Bubble({ children, onDismiss }: { children: ReactNode; onDismiss?: () => void }) {
  return (
    <div className="rise flex items-start gap-3 rounded-lg border border-line bg-lift px-4 py-3 shadow-lift">
      <div className="min-w-0 flex-1">{children}</div>
      {onDismiss && (
        <button
          type="button"
          aria-label="Dismiss"
          className="-my-1.5 -mr-2 grid size-8 shrink-0 place-items-center rounded-md text-mute hover:text-ink"
          onClick={onDismiss}
        >
          <Close size={16} />
        </button>
      )}
    </div>
  );
}

/** Says so when the socket has been away for half a second: a deploy moves sockets faster than that. */
function Reconnecting() {
  const inside = useAuth().status === "signed_in";
  const away = useConnection() === "reconnecting" && inside;
  const [long, setLong] = useState(false);
  useEffect(() => {
    if (!away) return setLong(false);
    const timer = setTimeout(() => setLong(true), 500);
    return () => clearTimeout(timer);
  }, [away]);
  if (!away || !long) return null;
  return (
    <Bubble>
      <p className="flex items-center gap-2">
        <span className="size-2 animate-pulse rounded-full bg-warn" aria-hidden />
        <span className="font-medium">Reconnecting…</span>
      </p>
      <p className="text-mute">What you see may be a little old. You can go on working.</p>
    </Bubble>
  );
}
