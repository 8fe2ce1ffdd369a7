import type { Ended } from "@gatehouse/client";
import { useEffect, useRef } from "react";
import { loginAt } from "../next";
import { Link, usePath, useSearch } from "../router";
import { buttonClass } from "../ui/Button";
import { Door } from "../ui/icons";
import { useTitle } from "../ui/Page";
import { whyEnded } from "../words/ended";
import { fullTime, minuteOf } from "../words/time";
import { Battlement, Outside } from "./Frame";

/** The full page that replaces whatever was open when somebody else ended this session. */
export function SignedOut({ ended }: { ended: Ended }) {
  const path = usePath();
  const search = useSearch();
  const heading = useRef<HTMLHeadingElement>(null);
  useTitle("You were signed out");
  useEffect(() => heading.current?.focus(), []);
  return (
    <Outside>
      <Battlement />
      <div className="card rounded-t-none border-t-0 p-8 text-center">
        <span className="mx-auto mb-4 grid size-14 place-items-center rounded-full bg-warn-soft text-warn" aria-hidden>
          <Door size={26} />
        </span>
        <h1 ref={heading} tabIndex={-1} className="text-lg font-semibold tracking-tight">
          You were signed out
        </h1>
        <p className="mt-2">{whyEnded(ended)}</p>
        {ended.message && <blockquote className="mt-4 rounded-md bg-well px-4 py-3">“{ended.message}”</blockquote>}
        <p className="mt-4 text-xs text-mute">
          <time dateTime={ended.at} title={fullTime(ended.at)}>
            {minuteOf(ended.at)}
          </time>
        </p>
        <Link href={loginAt(path, search)} className={buttonClass("main", "mt-6 w-full")}>
          Sign in again
        </Link>
      </div>
    </Outside>
  );
}
