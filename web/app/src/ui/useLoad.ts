import { useCallback, useEffect, useRef, useState } from "react";

export interface Loaded<T> {
  data: T | undefined;
  error: unknown;
  loading: boolean;
  reload(): Promise<void>;
  set(next: T): void;
}

/**
 * What load answers, again when key changes. Old data stays while newer is on its way or could not be had; an answer
 * that was overtaken counts for nothing.
 */
export function useLoad<T>(load: () => Promise<T>, key = ""): Loaded<T> {
  const [state, setState] = useState<{ data?: T; error?: unknown; loading: boolean }>({ loading: true });
  const latest = useRef(0);
  const loader = useRef(load);
  loader.current = load;
  const reload = useCallback(async () => {
    const turn = ++latest.current;
    setState((s) => ({ ...s, loading: true }));
    try {
      const data = await loader.current();
      if (turn === latest.current) setState({ data, loading: false });
    } catch (error) {
      if (turn === latest.current) setState((s) => ({ data: s.data, error, loading: false }));
    }
  }, []);
  // Key is what asks for another load.
  useEffect(() => {
    void reload();
    return () => {
      latest.current++;
    };
  }, [reload, key]);
  const set = useCallback((data: T) => {
    latest.current++;
    setState({ data, loading: false });
  }, []);
  return { data: state.data, error: state.error, loading: state.loading, reload, set };
}
