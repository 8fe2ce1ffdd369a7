import { useCallback, useEffect, useRef, useState } from "react";
import { useQuery } from "../router";

const pause = 200; // ms of typing after which a search begins

/** A search that is kept in the address, so that it can be sent to somebody and survives a reload. */
export function useUrlQuery(name = "q"): { typed: string; value: string; set: (text: string) => void } {
  const [params, setParams] = useQuery();
  const value = params.get(name) ?? "";
  const [typed, setTyped] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const written = useRef(value);
  useEffect(() => {
    if (value !== written.current) setTyped(value); // Back, or a link
    written.current = value;
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const set = useCallback(
    (text: string) => {
      setTyped(text);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => {
        written.current = text.trim();
        setParams((now) => (text.trim() ? now.set(name, text.trim()) : now.delete(name)));
      }, pause);
    },
    [name, setParams],
  );
  return { typed, value, set };
}

/** A choice that is kept in the address. */
export function useUrlChoice(name: string): [string, (value: string) => void] {
  const [params, setParams] = useQuery();
  const set = (value: string) => setParams((now) => (value ? now.set(name, value) : now.delete(name)));
  return [params.get(name) ?? "", set];
}
