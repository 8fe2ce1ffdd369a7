import { useSyncExternalStore } from "react";

let turn = 0;
let timer: ReturnType<typeof setInterval> | undefined;
const watchers = new Set<() => void>();

/** One timer for everything that says how long ago something was. */
function watch(cb: () => void): () => void {
  watchers.add(cb);
  timer ??= setInterval(() => {
    turn++;
    for (const told of watchers) told();
  }, 20_000);
  return () => {
    watchers.delete(cb);
    if (watchers.size) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** Draws again every 20 seconds. */
export const useTick = () => useSyncExternalStore(watch, () => turn);
