import { useRef, useState } from "react";
import { cancelled } from "../words/errors";

export interface Act<A extends unknown[]> {
  /** Resolves to whether it went well. A second call while one is under way does nothing. */
  run(...args: A): Promise<boolean>;
  pending: boolean;
  error: unknown;
  clear(): void;
}

/** Something a person does: pending while it is under way, with the error of the last try. Thinking better is no error. */
export function useAct<A extends unknown[]>(act: (...args: A) => Promise<unknown>): Act<A> {
  const [pending, setPending] = useState(false);
  const [error, setError] = useState<unknown>();
  const running = useRef(false);
  async function run(...args: A): Promise<boolean> {
    if (running.current) return false;
    running.current = true;
    setPending(true);
    setError(undefined);
    try {
      await act(...args);
      return true;
    } catch (e) {
      if (!cancelled(e)) setError(e);
      return false;
    } finally {
      running.current = false;
      setPending(false);
    }
  }
  return { run, pending, error, clear: () => setError(undefined) };
}
