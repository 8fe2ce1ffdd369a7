import { patience } from "./http.js";
import type { Ended, Session, User } from "./types.js";

export type Reason = "none" | "signed_out" | Ended;

/** What a sign-in or a refresh gave. */
export interface Grant {
  token: string;
  user: User;
  session: Session;
  life: number; // milliseconds
  at: number; // Date.now() when it came: all tabs share that clock, and only differences of it are used
  seen?: number | undefined; // performance.now() when it came to this tab
}

/** What tabs tell each other: that a grant came, or that a session is gone. */
export type Word =
  | { grant: Grant; gone?: never; reason?: never }
  | { gone: string | undefined; reason: Reason; grant?: never };

/**
 * The non-secret mark in localStorage: `in`, a start should try to refresh; `oauth`, the person went to a provider;
 * `out`, the hub has yet to be told of a sign-out; null, there is no session.
 */
export type Mark = "in" | "oauth" | "out" | null;

export type Tabs = ReturnType<typeof createTabs>;

export function createTabs(base: string) {
  const name = `gatehouse ${base}`;
  const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(name);

  /** Where there is no storage, every start has to try. */
  function mark(): Mark {
    try {
      return localStorage.getItem(name) as Mark;
    } catch {
      return "in";
    }
  }

  function setMark(value?: Mark) {
    try {
      if (value) localStorage.setItem(name, value);
      else localStorage.removeItem(name);
    } catch {}
  }

  /**
   * Takes turns with the other tabs. It is best effort: a tab that holds the turn may be frozen, so it is abandoned
   * after a while, and the hub bears two refreshes at once. Tells whether another tab had it, and what gives it back.
   */
  function turn(): Promise<[waited: boolean, leave: () => void]> {
    return new Promise((resolve) => {
      const locks = globalThis.navigator?.locks;
      let leave = () => {};
      const held = new Promise<void>((done) => {
        leave = done;
      });
      const go = (waited: boolean) => {
        resolve([waited, leave]);
        return held;
      };
      if (!locks) return void go(false);
      const stop = new AbortController();
      const timer = setTimeout(() => stop.abort(), patience);
      locks
        .request(name, { ifAvailable: true }, (lock) =>
          lock ? go(false) : locks.request(name, { signal: stop.signal }, () => go(true)),
        )
        .catch(() => go(true))
        .finally(() => clearTimeout(timer));
    });
  }

  return {
    mark,
    setMark,
    turn,
    tell: (word: Word) => channel?.postMessage(word),
    listen: (cb: (word: Word) => void) => {
      if (channel) channel.onmessage = (event) => cb(event.data);
    },
    close: () => channel?.close(),
  };
}
