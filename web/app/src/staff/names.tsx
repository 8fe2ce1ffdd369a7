import type { Event, User } from "@gatehouse/client";
import { useGatehouse } from "@gatehouse/client/react";
import { createContext, type ReactNode, useContext, useMemo, useSyncExternalStore } from "react";

/** Who a user id is. Audit rows store ids; people know each other by name. Gone with the page. */
interface Known {
  get(id: string): User | undefined;
  learn(users: User[]): void;
  want(id: string): void;
  subscribe(cb: () => void): () => void;
  version(): number;
}

const Context = createContext<Known | undefined>(undefined);

const atOnce = 4; // requests

export function Names({ children }: { children: ReactNode }) {
  const gh = useGatehouse();
  const known = useMemo(() => directory((id) => gh.admin.users.get(id)), [gh]);
  return <Context value={known}>{children}</Context>;
}

function directory(ask: (id: string) => Promise<User>): Known {
  const users = new Map<string, User | undefined>(); // undefined: asked for, or gone
  const queue: string[] = [];
  const watchers = new Set<() => void>();
  let [turn, running] = [0, 0];
  const tell = () => {
    turn++;
    for (const cb of watchers) cb();
  };
  function next() {
    while (running < atOnce && queue.length) {
      const id = queue.shift() as string;
      running++;
      ask(id)
        .then((user) => {
          users.set(id, user);
          tell();
        })
        .catch(() => {}) // deleted, or not now: the id has to do
        .finally(() => {
          running--;
          next();
        });
    }
  }
  return {
    get: (id) => users.get(id),
    learn(more) {
      for (const user of more) users.set(user.id, user);
    },
    want(id) {
      if (users.has(id)) return;
      users.set(id, undefined);
      queue.push(id);
      next();
    },
    subscribe(cb) {
      watchers.add(cb);
      return () => watchers.delete(cb);
    },
    version: () => turn,
  };
}

export function useNames(): Known {
  const known = useContext(Context) as Known;
  useSyncExternalStore(known.subscribe, known.version);
  return known;
}

/** Whom an event is about, where the hub says so beside the target. */
export type Told = Event & { user?: { id: string; email: string; name: string } };
