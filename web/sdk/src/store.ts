import type { Store } from "./types.js";

export interface Writable<T> extends Store<T> {
  set(value: T): void;
}

export function createStore<T>(value: T): Writable<T> {
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      if (next === value) return;
      value = next;
      for (const listener of listeners) listener();
    },
    subscribe(listener) {
      const own = () => listener(); // the same function may listen twice
      listeners.add(own);
      return () => listeners.delete(own);
    },
  };
}
