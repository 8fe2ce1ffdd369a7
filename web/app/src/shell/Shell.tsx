import type { User } from "@gatehouse/client";
import { useConnection, useGatehouse } from "@gatehouse/client/react";
import { type ReactNode, useRef } from "react";
import { ahead } from "../later";
import { Link, usePath } from "../router";
import { Button } from "../ui/Button";
import { Gauge, type Icon, Key, Laptop, Leave, Log, Past, People, Person, Screens, Tasks, UpDown } from "../ui/icons";
import { Brand } from "./Brand";
import { NewDevices } from "./NewDevices";
import { StepUp } from "./StepUp";
import { ThemeControl } from "./Theme";

interface Place {
  href: string;
  name: string;
  Icon: Icon;
}

const account: Place[] = [
  { href: "/", name: "Devices", Icon: Laptop },
  { href: "/security", name: "Security", Icon: Key },
  { href: "/activity", name: "Activity", Icon: Past },
  { href: "/profile", name: "Profile", Icon: Person },
];
const staff: (Place & { admin?: boolean })[] = [
  { href: "/staff", name: "Overview", Icon: Gauge, admin: true },
  { href: "/staff/sessions", name: "Sessions", Icon: Screens },
  { href: "/staff/users", name: "Users", Icon: People },
  { href: "/staff/jobs", name: "Jobs", Icon: Tasks, admin: true },
  { href: "/staff/audit", name: "Audit", Icon: Log },
];

/** The staff places that these roles may see. */
export function staffPlaces(roles: string[]): Place[] {
  if (roles.includes("admin")) return staff;
  return roles.includes("moderator") ? staff.filter((place) => !place.admin) : [];
}

/** The frame around everything that signed-in people see. Without a user it is a picture of itself, while we find out. */
export function Shell({ user, children }: { user?: User; children: ReactNode }) {
  const path = usePath();
  const inStaff = path === "/staff" || path.startsWith("/staff/");
  const places = user ? staffPlaces(user.roles) : [];
  const live = useConnection() === "open";
  return (
    <StepUp>
      <div className="min-h-dvh desk:grid desk:grid-cols-[15rem_minmax(0,1fr)]" data-stale={live ? undefined : ""}>
        <a
          href="#main"
          className="button button-main fixed top-3 left-3 z-40 -translate-y-20 focus-visible:translate-y-0"
        >
          Skip to content
        </a>
        <header className="sticky top-0 z-20 flex h-14 items-center gap-2 border-b border-line bg-page px-4 desk:h-dvh desk:flex-col desk:items-stretch desk:gap-0 desk:overflow-y-auto desk:border-r desk:border-b-0 desk:p-4">
          <Link href="/" className="rounded-md desk:px-2 desk:pt-2 desk:pb-6" aria-label="Gatehouse, your devices">
            <Brand />
          </Link>
          <span className="flex-1 desk:hidden" />
          {places[0] && (
            <Link href={inStaff ? "/" : places[0].href} className="button button-quiet desk:hidden">
              {inStaff ? "My account" : "Staff"}
            </Link>
          )}
          <nav
            aria-label="Main"
            className="fixed inset-x-0 bottom-0 border-t border-line bg-page pb-[env(safe-area-inset-bottom)] desk:static desk:flex-1 desk:border-0 desk:p-0"
          >
            <Group places={account} path={path} away={inStaff} />
            {places.length > 0 && <Group title="Staff" places={places} path={path} away={!inStaff} />}
          </nav>
          {user && <Live on={live} />}
          {user && <Account user={user} />}
        </header>
        <main id="main" tabIndex={-1} className="min-w-0 px-4 pt-6 pb-28 desk:px-10 desk:py-10">
          {children}
        </main>
      </div>
      {user && <NewDevices />}
    </StepUp>
  );
}

/** Some links: on a small screen the tabs of the area one is in, on a desk all of them. */
function Group({ title, places, path, away }: { title?: string; places: Place[]; path: string; away: boolean }) {
  return (
    <div className={away ? "max-desk:hidden" : ""}>
      {title && <p className="mt-6 mb-1 px-2 text-xs font-medium text-mute max-desk:sr-only">{title}</p>}
      <ul className="flex desk:flex-col desk:gap-0.5">
        {places.map(({ href, name, Icon }) => {
          const here = path === href || (href !== "/" && href !== "/staff" && path.startsWith(`${href}/`));
          return (
            <li key={href} className="flex-1">
              <Link
                href={href}
                onPointerEnter={() => ahead(href)}
                onFocus={() => ahead(href)}
                aria-current={here ? "page" : undefined}
                className="flex min-h-14 flex-col items-center justify-center gap-1 rounded-md border border-transparent px-1 text-xs font-medium text-mute hover:text-ink aria-[current]:font-semibold aria-[current]:text-ink desk:min-h-9 desk:flex-row desk:justify-start desk:gap-3 desk:px-2 desk:text-sm desk:hover:bg-well desk:aria-[current]:border-line desk:aria-[current]:bg-card desk:aria-[current]:shadow-card"
              >
                <Icon size={18} />
                {name}
              </Link>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function Live({ on }: { on: boolean }) {
  return (
    <p className="flex items-center gap-2 px-2 pb-3 text-xs text-mute max-desk:hidden">
      <span className={`dot ${on ? "dot-on" : ""}`} aria-hidden />
      {on ? "Live" : "Not live"}
    </p>
  );
}

function Account({ user }: { user: User }) {
  const gh = useGatehouse();
  const menu = useRef<HTMLDivElement>(null);
  const close = () => menu.current?.hidePopover();
  return (
    <>
      <button
        type="button"
        popoverTarget="account"
        className="flex items-center gap-3 rounded-md border border-transparent text-left hover:bg-well desk:p-2"
      >
        <Initial of={user} />
        <span className="sr-only">Account:</span>
        <span className="min-w-0 flex-1 max-desk:sr-only">
          <span className="block truncate font-medium">{user.name || user.email}</span>
          {user.name && <span className="block truncate text-xs text-mute">{user.email}</span>}
        </span>
        <UpDown size={16} className="text-mute max-desk:hidden" />
      </button>
      <div
        id="account"
        ref={menu}
        popover="auto"
        className="inset-auto top-16 right-4 m-0 w-80 rounded-lg border border-line bg-lift p-4 text-ink shadow-lift desk:top-auto desk:right-auto desk:bottom-20 desk:left-4"
      >
        <p className="font-medium">{user.name || "Signed in"}</p>
        <p className="mb-4 text-mute">{user.email}</p>
        <p className="mb-1 text-xs font-medium text-mute" aria-hidden>
          Theme
        </p>
        <ThemeControl />
        <div className="mt-4 flex justify-between gap-2 border-t border-line pt-4">
          <Link href="/profile" className="button" onClick={close}>
            Profile
          </Link>
          <Button icon={<Leave size={16} />} onClick={() => gh.auth.signOut()}>
            Sign out
          </Button>
        </div>
      </div>
    </>
  );
}

function Initial({ of: { name, email } }: { of: User }) {
  return (
    <span
      className="grid size-8 shrink-0 place-items-center rounded-full bg-ink text-xs font-semibold text-page"
      aria-hidden
    >
      {[...(name || email)][0]?.toUpperCase()}
    </span>
  );
}
