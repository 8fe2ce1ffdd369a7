import { type ReactNode, useEffect, useRef } from "react";

/** Names the tab, and takes the focus to the heading when a page comes by navigation, so that it is read. */
export function useTitle(title: string) {
  useEffect(() => {
    document.title = `${title} · Gatehouse`;
  }, [title]);
}

let first = true;

export function useHeadingFocus() {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (first) first = false;
    else if (document.activeElement === document.body || document.activeElement?.closest("nav")) {
      heading.current?.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
  }, []);
  return heading;
}

interface Props {
  title: string;
  /** The name of the tab, where it is not the heading. */
  tab?: string;
  lead?: ReactNode;
  actions?: ReactNode;
  wide?: boolean;
  children: ReactNode;
}

export function Page({ title, tab = title, lead, actions, wide, children }: Props) {
  useTitle(tab);
  const heading = useHeadingFocus();
  return (
    <div className={`mx-auto w-full ${wide ? "max-w-6xl" : "max-w-3xl"}`}>
      <header className="mb-6 flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
        <div className="min-w-0">
          <h1 ref={heading} tabIndex={-1} className="text-xl font-semibold tracking-tight">
            {title}
          </h1>
          {lead && <p className="mt-1 text-mute">{lead}</p>}
        </div>
        {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

/** A titled card. */
export function Section({
  title,
  lead,
  actions,
  children,
}: {
  title: string;
  lead?: ReactNode;
  actions?: ReactNode;
  children?: ReactNode;
}) {
  return (
    <section className="card mb-6 p-4 desk:p-6" aria-label={title}>
      <div className="flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
        <div className="min-w-0 max-w-lg flex-1 basis-64">
          <h2 className="text-base font-semibold">{title}</h2>
          {lead && <p className="mt-1 text-mute">{lead}</p>}
        </div>
        {actions && <div className="flex flex-wrap gap-2">{actions}</div>}
      </div>
      <div className="mt-4 space-y-4 empty:hidden">{children}</div>
    </section>
  );
}

/** What stands where a list has nothing. */
export function Empty({ icon, title, children }: { icon: ReactNode; title: string; children?: ReactNode }) {
  return (
    <div className="flex flex-col items-center px-6 py-12 text-center">
      <span className="mb-3 grid size-12 place-items-center rounded-full bg-well text-mute" aria-hidden>
        {icon}
      </span>
      <p className="font-medium">{title}</p>
      {children && <p className="mt-1 max-w-sm text-mute">{children}</p>}
    </div>
  );
}

/** Lines in the shape of what is coming. Who listens is told once. */
export function Skeleton({ rows, className = "h-16" }: { rows: number; className?: string }) {
  return (
    <div>
      <span className="sr-only">Loading…</span>
      {Array.from({ length: rows }, (_, i) => (
        // They are all alike.
        <div
          key={i}
          aria-hidden
          className={`flex items-center gap-4 border-b border-line px-4 last:border-0 desk:px-6 ${className}`}
        >
          <span className="skeleton size-10 rounded-md" />
          <span className="flex-1 space-y-2">
            <span className="skeleton block h-3.5 w-40 max-w-full" />
            <span className="skeleton block h-3 w-64 max-w-full" />
          </span>
        </div>
      ))}
    </div>
  );
}
