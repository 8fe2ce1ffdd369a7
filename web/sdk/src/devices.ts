import { createFeed } from "./feed.js";
import type { Session } from "./gen/api.js";
import type { SessionCore } from "./session.js";
import type { Socket } from "./socket.js";
import type { SessionsClient } from "./types.js";

/** How long to wait for the socket before the list is read over HTTP. */
const fallback = 3000;

/** This device first, then those online, then those seen last. */
const byInterest = (a: Session, b: Session) =>
  +b.current - +a.current || +b.online - +a.online || seen(b) - seen(a) || (a.id < b.id ? 1 : -1);

const seen = (s: Session) => Date.parse(s.last_seen_at);

/** A list with one session in its new form, or without it. */
export const replace = (list: Session[], session: { id: string }, gone?: boolean) => [
  ...list.filter((s) => s.id !== session.id),
  ...(gone ? [] : [session as Session]),
];

export function createDevices(core: SessionCore, socket: Socket): SessionsClient {
  const feed = createFeed<null, Session[]>(
    socket,
    "devices",
    () => ({}),
    (frame, list = []) => {
      if (frame.type === "devices.changed") {
        if (frame.device.current) core.patch({}, frame.device);
        return replace(list, frame.device, frame.change === "removed").sort(byInterest);
      }
      return [...(frame as { devices: Session[] }).devices].sort(byInterest);
    },
  );
  core.grant.subscribe(() => core.id() || feed.set(undefined));

  const ask = (method: string, id = "", body?: object) =>
    core.ask(`${method} /auth/sessions${id && `/${encodeURIComponent(id)}`}`, { body });
  const list = async () => ((await ask("GET")) as { sessions: Session[] }).sessions;
  const isCurrent = (id: string) => id === core.id();

  /** What a call did is seen at once, also while the socket is away. */
  function apply(change: (list: Session[]) => Session[]) {
    const known = feed.get();
    if (known) feed.set(change(known).sort(byInterest));
  }

  return {
    list,
    watch(cb, onError) {
      const stop = feed.watch(null, cb, onError);
      const timer = setTimeout(() => {
        if (!feed.get() && core.id()) list().then((got) => feed.get() || feed.set(got), onError);
      }, fallback);
      return () => {
        clearTimeout(timer);
        stop();
      };
    },
    async rename(id, name) {
      const session = (await ask("PATCH", id, { name })) as Session;
      apply((known) => replace(known, session));
      if (isCurrent(id)) core.patch({}, session);
      return session;
    },
    async revoke(id) {
      if (isCurrent(id)) return core.signOut();
      await ask("DELETE", id);
      apply((known) => replace(known, { id }, true));
    },
    async revokeOthers() {
      await core.ask("POST /auth/logout/others");
      apply((known) => known.filter((s) => s.current));
    },
  };
}
