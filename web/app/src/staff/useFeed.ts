import { useCallback, useEffect, useRef, useState } from "react";

interface Page<T> {
  items: T[];
  next?: string;
  total?: number;
}

interface Source<T> {
  list: (cursor?: string) => Promise<Page<T>>;
  watch: (cb: (item: T) => void, onGap: () => void, onError: (error: Error) => void) => () => void;
  /** Whether something that happens belongs to what is shown. */
  fits: (item: T) => boolean;
}

export interface Feed<T> {
  items: T[] | undefined;
  total: number | undefined;
  more: (() => Promise<void>) | undefined;
  error: unknown;
  isLoading: boolean;
  reload: () => Promise<void>;
  paused: boolean;
  setPaused: (paused: boolean) => void;
  buffered: number;
}

interface State<T> extends Page<T> {
  error?: unknown;
  known: boolean;
  waiting: T[];
  stale: boolean; // while paused, something was missed
}

const kept = 500; // rows; older ones can be had again

const nothing = { items: [], known: false, waiting: [], stale: false };

/** A list that is read in pages, newest first, and then kept up by a feed: new rows on top, known ones in their place. */
export function useFeed<T extends { id: string }>(source: Source<T>, key: string): Feed<T> {
  const [state, setState] = useState<State<T>>(nothing);
  const [isLoading, setLoading] = useState(true);
  const [paused, setPausedNow] = useState(false);
  const at = useRef({ source, paused, turn: 0 });
  at.current.source = source;
  at.current.paused = paused;

  const reload = useCallback(async () => {
    const turn = ++at.current.turn;
    setLoading(true);
    try {
      const page = await at.current.source.list();
      // What came while the page was on its way may be newer than the page.
      if (turn === at.current.turn)
        setState((s) => ({
          ...page,
          items: s.waiting.reduceRight(merge, page.items),
          known: true,
          waiting: [],
          stale: false,
        }));
    } catch (error) {
      if (turn === at.current.turn) setState((s) => ({ ...s, error }));
    } finally {
      if (turn === at.current.turn) setLoading(false);
    }
  }, []);

  // Key says what is shown.
  useEffect(() => {
    setState(nothing);
    setPausedNow(false);
    void reload();
    const fail = (error: Error) => setState((s) => ({ ...s, error }));
    const gap = () => (at.current.paused ? setState((s) => ({ ...s, stale: true })) : void reload());
    const stop = at.current.source.watch(
      (item) => at.current.source.fits(item) && setState((s) => take(s, item, at.current.paused)),
      gap,
      fail,
    );
    return () => {
      at.current.turn++;
      stop();
    };
  }, [reload, key]);

  const more = state.next
    ? async () => {
        const older = await at.current.source.list(state.next);
        setState((s) => ({
          ...s,
          next: older.next,
          items: [...s.items, ...older.items.filter((item) => !s.items.some((had) => had.id === item.id))],
        }));
      }
    : undefined;

  function setPaused(next: boolean) {
    setPausedNow(next);
    if (next) return;
    if (state.stale) return void reload();
    setState((s) => ({ ...s, items: s.waiting.reduceRight(merge, s.items).slice(0, kept), waiting: [] }));
  }

  return {
    items: state.known ? state.items : undefined,
    total: state.total,
    more,
    error: state.error,
    isLoading,
    reload,
    paused,
    setPaused,
    buffered: state.waiting.length,
  };
}

function take<T extends { id: string }>(s: State<T>, item: T, paused: boolean): State<T> {
  if (paused || !s.known)
    return { ...s, waiting: [item, ...s.waiting.filter((had) => had.id !== item.id)].slice(0, kept) };
  return { ...s, items: merge(s.items, item).slice(0, kept) };
}

function merge<T extends { id: string }>(items: T[], item: T): T[] {
  return items.some((had) => had.id === item.id)
    ? items.map((had) => (had.id === item.id ? item : had))
    : [item, ...items];
}
