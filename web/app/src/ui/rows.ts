import { type RefObject, useEffect, useLayoutEffect, useRef } from "react";

/**
 * Keeps the focus in a list whose rows go: to a button of the row that takes the place, else of the last one, else to
 * the heading. Rows carry data-row with their id. A row that goes without the focus moves nothing.
 */
export function useRowFocus(
  list: RefObject<HTMLElement | null>,
  ids: string[],
  heading: RefObject<HTMLElement | null> | string,
) {
  const held = useRef<{ id: string; name: string } | undefined>(undefined);
  const before = useRef(ids);
  useEffect(() => {
    const note = (e: FocusEvent) => {
      const button = e.target as HTMLElement;
      if (button.closest?.("dialog")) return; // what was asked about a row still belongs to it
      const row = list.current?.contains(button) ? button.closest<HTMLElement>("[data-row]") : null;
      held.current = row ? { id: row.dataset.row ?? "", name: button.dataset.does ?? "" } : undefined;
    };
    document.addEventListener("focusin", note);
    return () => document.removeEventListener("focusin", note);
  }, [list]);
  useLayoutEffect(() => {
    const was = before.current;
    before.current = ids;
    const lost = held.current;
    if (!lost || ids.includes(lost.id)) return;
    const at = was.indexOf(lost.id);
    const next = was.slice(at + 1).find((id) => ids.includes(id)) ?? ids.at(-1);
    held.current = undefined;
    // A dialog that is about to close gives the focus back first.
    queueMicrotask(() => {
      const active = document.activeElement;
      if (active && active !== document.body && active.isConnected) return;
      const row = next && list.current?.querySelector(`[data-row="${CSS.escape(next)}"]`);
      const button =
        row &&
        (row.querySelector<HTMLElement>(`[data-does="${lost.name}"]`) ?? row.querySelector<HTMLElement>("button"));
      const head = typeof heading === "string" ? document.querySelector<HTMLElement>(heading) : heading.current;
      (button || head)?.focus();
    });
  }, [ids, list, heading]);
}
