import type { ReactNode } from "react";
import { Link } from "./router";
import { Outside } from "./signin/Frame";
import { Button, buttonClass } from "./ui/Button";
import { Away, Lock, Signpost } from "./ui/icons";
import { useHeadingFocus, useTitle } from "./ui/Page";

function Other({
  title,
  icon,
  children,
  action,
}: {
  title: string;
  icon: ReactNode;
  children: ReactNode;
  action: ReactNode;
}) {
  useTitle(title);
  const heading = useHeadingFocus();
  return (
    <div className="mx-auto flex max-w-md flex-col items-center pt-12 text-center desk:pt-24">
      <span className="mb-4 grid size-14 place-items-center rounded-full bg-well text-mute" aria-hidden>
        {icon}
      </span>
      <h1 ref={heading} tabIndex={-1} className="text-lg font-semibold tracking-tight">
        {title}
      </h1>
      <p className="mt-2 mb-6 text-mute">{children}</p>
      {action}
    </div>
  );
}

const home = (
  <Link href="/" className={buttonClass("main")}>
    To your devices
  </Link>
);

/** 403. */
export function Forbidden() {
  return (
    <Other title="This part is for staff" icon={<Lock size={26} />} action={home}>
      Your account may not see it. If you think it should, ask an administrator for the role.
    </Other>
  );
}

/** 404. */
export function NotFound() {
  return (
    <Other title="Nothing at this address" icon={<Signpost size={26} />} action={home}>
      The link may be old, or a letter went missing on the way.
    </Other>
  );
}

/** The hub has not answered once, so nobody knows who this is. */
export function Unreachable() {
  return (
    <Outside>
      <Other
        title="Can't reach the hub"
        icon={<Away size={26} />}
        action={
          <Button look="main" onClick={() => location.reload()}>
            Try again
          </Button>
        }
      >
        Check your connection. We go on trying, and this page continues by itself as soon as the hub answers.
      </Other>
    </Outside>
  );
}
