import { GatehouseError } from "@gatehouse/client";
import { type ReactNode, useEffect, useState } from "react";
import { sentence } from "../words/errors";
import { minutes } from "../words/time";
import { Button } from "./Button";
import { Alert, Info, Warning } from "./icons";

const looks = {
  info: { box: "bg-link-soft", icon: <Info size={16} className="text-link" /> },
  warn: { box: "bg-warn-soft", icon: <Warning size={16} className="text-warn" /> },
  bad: { box: "bg-bad-soft", icon: <Alert size={16} className="text-bad" /> },
};

/** A few words in a box, in the flow of the page. */
export function Note({
  look = "info",
  children,
  role,
}: {
  look?: keyof typeof looks;
  children: ReactNode;
  role?: string;
}) {
  const { box, icon } = looks[look];
  return (
    <div role={role} className={`flex items-start gap-2 rounded-md border border-transparent px-3 py-2 ${box}`}>
      <span className="mt-0.5 shrink-0">{icon}</span>
      <div className="min-w-0 flex-1">{children}</div>
    </div>
  );
}

/** An error in place, with another try where there is one, and a countdown where the hub asked to wait. */
export function Problem({
  error,
  retry,
  what,
  words,
}: {
  error: unknown;
  retry?: () => void;
  what?: string;
  words?: Record<string, string>;
}) {
  const left = useCountdown(error);
  if (!error) return null;
  return (
    <Note look="bad" role="alert">
      <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <p>
          {what && `${what} `}
          {sentence(error, words)}
          {left > 0 && (
            <span aria-hidden className="tabular-nums">
              {" "}
              ({minutes(left)})
            </span>
          )}
        </p>
        {retry && (
          <Button className="min-h-8" onClick={retry} disabled={left > 0}>
            Try again
          </Button>
        )}
      </div>
    </Note>
  );
}

/** The seconds that are left of an error's retry_after, ticking down. */
export function useCountdown(error: unknown): number {
  const wait = error instanceof GatehouseError ? (error.retryAfter ?? 0) : 0;
  const [left, setLeft] = useState(wait);
  // The same wait of another error begins anew.
  useEffect(() => {
    setLeft(wait);
    if (!wait) return;
    const end = performance.now() + wait * 1000;
    const timer = setInterval(() => {
      const rest = Math.ceil((end - performance.now()) / 1000);
      setLeft(Math.max(0, rest));
      if (rest <= 0) clearInterval(timer);
    }, 250);
    return () => clearInterval(timer);
  }, [error, wait]);
  return left;
}
