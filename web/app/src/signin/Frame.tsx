import type { ReactNode } from "react";
import { Link } from "../router";
import { Brand } from "../shell/Brand";
import { ThemeControl } from "../shell/Theme";
import { useHeadingFocus, useTitle } from "../ui/Page";

interface Props {
  title: string;
  lead?: ReactNode;
  children?: ReactNode;
  /** Below the card. */
  below?: ReactNode;
}

/** What stands before the gate: one card, one thing to do. It begins at the same height on every page. */
export function Frame({ title, lead, children, below }: Props) {
  useTitle(title);
  const heading = useHeadingFocus();
  return (
    <Outside>
      <Battlement />
      <div className="card rounded-t-none border-t-0 p-6 sm:p-8">
        <h1 ref={heading} tabIndex={-1} className="text-lg font-semibold tracking-tight">
          {title}
        </h1>
        {lead && <div className="mt-1 text-mute">{lead}</div>}
        {children && <div className="mt-6 space-y-6">{children}</div>}
      </div>
      {below && <div className="mt-6 text-center text-mute">{below}</div>}
    </Outside>
  );
}

export function Outside({ children }: { children: ReactNode }) {
  return (
    <div className="flex min-h-dvh flex-col items-center px-4 pt-10 pb-6 sm:pt-20">
      <header className="mb-8">
        <Link href="/" className="block rounded-md">
          <Brand />
        </Link>
      </header>
      <main className="w-full max-w-sm flex-1">{children}</main>
      <footer className="mt-12">
        <ThemeControl small />
      </footer>
    </div>
  );
}

/** The wall's top: whoever stands outside stands before a gatehouse. */
export function Battlement() {
  const merlon = "h22v12h18v-12"; // one tooth and one gap
  return (
    <svg viewBox="0 0 382 13" className="block w-full overflow-visible" aria-hidden="true">
      <path
        d={`M.5 13V.5${merlon.repeat(9)}h21V13`}
        className="fill-card stroke-line"
        vectorEffect="non-scaling-stroke"
      />
    </svg>
  );
}

export function Or() {
  return (
    <div className="flex items-center gap-3 text-xs text-mute">
      <span className="h-px flex-1 bg-line" />
      or
      <span className="h-px flex-1 bg-line" />
    </div>
  );
}
