import { calls } from "./calls.js";
import { replace } from "./devices.js";
import { createFeed } from "./feed.js";
import type { SessionsChangedFrame } from "./gen/frames.js";
import type { SessionCore } from "./session.js";
import type { Frame, Socket } from "./socket.js";
import type { AdminClient, SessionsQuery, SessionsView } from "./types.js";

interface Page extends SessionsView {
  key: string; // of the query that it answers
}

/** However many rows go, the page is not asked for more often. */
const refillAfter = 1000;

const keyOf = (query?: SessionsQuery) => JSON.stringify([query?.q, query?.limit]);

export function createAdmin(core: SessionCore, socket: Socket): AdminClient {
  const at = <T>(path: string, table: Record<string, string>) => calls<T>(core.ask, `/admin${path}`, table);

  /** Feeds of events: what they bring is the member of that name. */
  const events = (name: string, member: string) => {
    const feed = createFeed<null, never>(
      socket,
      name,
      () => ({}),
      (frame) => frame[member as keyof Frame] as never,
      false,
    );
    return (cb: (value: never) => void, begin?: () => void, fail?: (error: Error) => void) =>
      feed.watch(null, cb, fail, begin);
  };

  const feed = createFeed<SessionsQuery, Page>(
    socket,
    "sessions",
    (all) => ({ ...all.at(-1) }),
    (frame, page, all) => {
      const query = all.at(-1);
      if (frame.type === "sessions.snapshot") return { ...frame, key: keyOf(query) };
      const { change, session } = frame as SessionsChangedFrame;
      const { key, sessions, total } = page as Page;
      const gone = change === "removed";
      const added = change === "added";
      const here = sessions.some((s) => s.id === session.id);
      if (gone && here && total > sessions.length) refill();
      return {
        key,
        total: total + +added - +gone,
        // Newest first, which is the order of ids. Changes come from outside the page too.
        sessions:
          added || here
            ? replace(sessions, session, gone)
                .sort((a, b) => (a.id < b.id ? 1 : -1))
                .slice(0, query?.limit ?? 50)
            : sessions,
      };
    },
  );
  core.grant.subscribe(() => core.id() || feed.set(undefined));

  /** Rows that left the page make room for what stood behind it. */
  let refilling = false;
  function refill() {
    if (refilling) return;
    refilling = true;
    setTimeout(() => {
      refilling = false;
      feed.again();
    }, refillAfter);
  }

  return {
    ...at<Pick<AdminClient, "stats">>("", { stats: "GET /stats" }),
    sessions: {
      ...at<AdminClient["sessions"]>("/sessions", { list: "GET", end: "DELETE /$" }),
      watch: (query, cb, onError) => feed.watch(query, (page) => page.key === keyOf(query) && cb(page), onError),
    },
    users: at("/users", {
      list: "GET",
      get: "GET /$",
      create: "POST",
      remove: "DELETE /$",
      setRoles: "PUT /$/roles roles",
      disable: "POST /$/disable",
      enable: "POST /$/enable",
      resetFactors: "POST /$/factors/reset",
      endSessions: "DELETE /$/sessions",
      message: "POST /$/messages",
    }),
    jobs: {
      ...at<AdminClient["jobs"]>("/jobs", { list: "GET", retry: "POST /$/retry", remove: "DELETE /$" }),
      watch: events("jobs", "job"),
    },
    audit: { ...at<AdminClient["audit"]>("/audit", { list: "GET" }), watch: events("audit", "event") },
  };
}
