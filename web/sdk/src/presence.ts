import { createFeed } from "./feed.js";
import type { Presence, PresenceChangedFrame, PresenceSnapshotFrame } from "./gen/frames.js";
import type { SessionCore } from "./session.js";
import type { Socket } from "./socket.js";
import type { MessagesClient, PresenceClient } from "./types.js";

const most = 200; // user_ids of one subscription

export function createPresence(core: SessionCore, socket: Socket): PresenceClient {
  const feed = createFeed<string[], Map<string, Presence>>(
    socket,
    "presence",
    (all) => ({ user_ids: [...new Set(all.flat())].sort().slice(0, most) }),
    (frame, users) => {
      const {
        users: all,
        user_id,
        online,
        last_seen_at,
      } = frame as PresenceChangedFrame & Partial<Pick<PresenceSnapshotFrame, "users">>;
      if (all) return new Map(all.map((u) => [u.user_id, u]));
      return new Map(users).set(user_id, { user_id, online, last_seen_at });
    },
  );
  core.grant.subscribe(() => core.id() || feed.set(undefined));
  return {
    watch: (ids, cb, onError) =>
      feed.watch(ids, (users) => cb(new Map([...users].filter(([id]) => ids.includes(id)))), onError),
  };
}

export function createMessages(socket: Socket): MessagesClient {
  return {
    on: (name, cb) =>
      socket.frames.subscribe(() => {
        const frame = socket.frames.get();
        // biome-ignore lint/suspicious/noExplicitAny: the caller says what is in it
        if (frame?.type === "message" && frame.name === name) cb(frame.data as any, frame);
      }),
    send: ({ to, name, data = null }) => socket.request({ type: "message", to, name, data }),
  };
}
