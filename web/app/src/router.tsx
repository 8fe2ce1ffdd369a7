import {
  type ComponentProps,
  type MouseEvent,
  useCallback,
  useLayoutEffect,
  useMemo,
  useSyncExternalStore,
} from "react";

// Addresses as this app needs them, in a kilobyte: a path, a query, and links that don't load the page again.

const watchers = new Set<() => void>();

function watch(cb: () => void): () => void {
  if (!watchers.size) addEventListener("popstate", tell);
  watchers.add(cb);
  return () => {
    watchers.delete(cb);
    if (!watchers.size) removeEventListener("popstate", tell);
  };
}

function tell() {
  for (const cb of watchers) cb();
}

export function navigate(to: string, { replace = false } = {}): void {
  history[replace ? "replaceState" : "pushState"](null, "", to);
  tell();
}

/** Without a slash at its end. */
export const usePath = () => useSyncExternalStore(watch, () => location.pathname.replace(/(.)\/+$/, "$1"));
/** With its "?", or empty. */
export const useSearch = () => useSyncExternalStore(watch, () => location.search);

type Change = (query: URLSearchParams) => void;

/** The query, and what changes it in place. */
export function useQuery(): [URLSearchParams, (change: Change) => void] {
  const search = useSearch();
  const query = useMemo(() => new URLSearchParams(search), [search]);
  const set = useCallback((change: Change) => {
    const next = new URLSearchParams(location.search);
    change(next);
    navigate(location.pathname + (next.size ? `?${next}` : ""), { replace: true });
  }, []);
  return [query, set];
}

/** A press that asks for another tab or window is the browser's. */
const plain = (e: MouseEvent) => !(e.defaultPrevented || e.button || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey);

export function Link({ href, onClick, ...rest }: ComponentProps<"a"> & { href: string }) {
  return (
    <a
      {...rest}
      href={href}
      onClick={(e) => {
        onClick?.(e);
        if (!plain(e)) return;
        e.preventDefault();
        if (href !== location.pathname + location.search) navigate(href);
      }}
    />
  );
}

export function Redirect({ to }: { to: string }) {
  useLayoutEffect(() => navigate(to, { replace: true }), [to]);
  return null;
}
