import type { Feed, Frame, Socket } from "./socket.js";

interface Watcher<W, D> {
  want: W;
  cb(data: D): void;
  fail: ((error: Error) => void) | undefined;
  begin: (() => void) | undefined;
}

/**
 * A feed for any number of watchers with their own wishes. Its frames add up to one value; of a feed of events, which
 * has no snapshot, nothing is kept.
 */
export function createFeed<W, D>(
  socket: Socket,
  name: string,
  wants: (all: W[]) => object,
  reduce: (frame: Frame, data: D | undefined, wants: W[]) => D,
  keep = true,
) {
  const watchers = new Set<Watcher<W, D>>();
  const wishes = () => [...watchers].map((w) => w.want);
  let data: D | undefined;

  const feed: Feed = {
    wants: () => (watchers.size ? wants(wishes()) : null),
    take: (frame) => set(reduce(frame, data, wishes())),
    begins() {
      for (const w of watchers) w.begin?.();
    },
    lost(error) {
      for (const w of watchers) w.fail?.(error);
    },
  };
  const changed = socket.feed(name, feed);

  function set(next: D | undefined) {
    if (keep) data = next;
    if (next) for (const w of watchers) w.cb(next);
  }

  return {
    get: () => data,
    set,
    /** Asks for a new snapshot. */
    again: () => changed(true),
    watch(want: W, cb: (data: D) => void, fail?: (error: Error) => void, begin?: () => void): () => void {
      const watcher = { want, cb, fail, begin };
      watchers.add(watcher);
      changed();
      if (data) cb(data);
      return () => {
        if (watchers.delete(watcher)) changed();
      };
    },
  };
}
