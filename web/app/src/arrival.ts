/**
 * What the page was opened with. One-time secrets of mails and the error of a provider come in the fragment; they are
 * read once and removed, so that no history, no screenshot and no "copy the address" has them.
 */
export interface Arrival {
  /** Of /reset, /verify, /not-me and /setup. */
  token?: string;
  /** Of a sign-in at a provider that failed. */
  error?: string;
}

let arrival: Arrival = {};
const watchers = new Set<() => void>();

/** Reads the fragment. main calls it before anything is drawn. */
export function arrive(): void {
  take();
  // A link of a mail that is opened in a tab that is already there changes the fragment only.
  addEventListener("hashchange", take);
}

function take() {
  const got = new URLSearchParams(location.hash.slice(1));
  const [token, error] = [got.get("token") ?? undefined, got.get("error") ?? undefined];
  if (!token && !error) return;
  history.replaceState(history.state, "", location.pathname + location.search);
  set({ token, error });
}

function set(next: Arrival) {
  arrival = next;
  for (const cb of watchers) cb();
}

export const currentArrival = () => arrival;
export const forgetArrival = () => set({});

export function watchArrival(cb: () => void): () => void {
  watchers.add(cb);
  return () => watchers.delete(cb);
}
