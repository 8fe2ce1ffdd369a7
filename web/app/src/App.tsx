import type { AuthState, User } from "@gatehouse/client";
import { useAuth, useConnection, useDevices, useGatehouse } from "@gatehouse/client/react";
import { Suspense, useEffect } from "react";
import { Devices } from "./account/Devices";
import { setClock } from "./clock";
import { Account, Entrance, Staff } from "./later";
import { loginAt, safeNext } from "./next";
import { Forbidden, NotFound, Unreachable } from "./Other";
import { Redirect, usePath, useQuery, useSearch } from "./router";
import { Shell, staffPlaces } from "./shell/Shell";
import { Status } from "./shell/Status";
import { Outside } from "./signin/Frame";
import { Login } from "./signin/Login";
import { SignedOut } from "./signin/SignedOut";
import { Broken } from "./ui/Broken";
import { Skeleton } from "./ui/Page";
import { codeOf } from "./words/errors";

/** Pages that a mail leads to: they work whoever is signed in. */
const mailed = ["/reset", "/verify", "/not-me", "/setup"];
const outside = ["/login", "/signup", "/forgot"];

export function App() {
  return (
    <Broken>
      <Status>
        <Gate />
      </Status>
    </Broken>
  );
}

/** Decides by the state of the sign-in what is at an address. */
function Gate() {
  const auth = useAuth();
  const path = usePath();
  const search = useSearch();
  if (mailed.includes(path)) return <Later at={path} />;
  switch (auth.status) {
    case "loading":
      return <Waiting path={path} />;
    case "mfa_required":
      return <Later at="mfa" auth={auth} />;
    case "signed_in":
      return outside.includes(path) ? <Onward /> : <Inside key={auth.user.id} auth={auth} />;
  }
  if (path === "/login") return <Login auth={auth} />;
  if (outside.includes(path)) return <Later at={path} />;
  if (typeof auth.reason === "object") return <SignedOut ended={auth.reason} />;
  // Whoever signed out himself is done; the next person here need not begin where he was.
  return <Redirect to={auth.reason === "signed_out" ? "/login" : loginAt(path, search)} />;
}

function Later(props: { at: string; auth?: AuthState }) {
  return (
    <Suspense fallback={<BlankCard />}>
      <Entrance key={props.at} {...props} />
    </Suspense>
  );
}

function Onward() {
  const [query] = useQuery();
  return <Redirect to={safeNext(query.get("next"))} />;
}

/** Before the hub first answered: the frame without a word about who is here, or that the hub can't be reached. */
function Waiting({ path }: { path: string }) {
  const away = useConnection() === "reconnecting";
  if (away) return <Unreachable />;
  if (outside.includes(path)) return <BlankCard />;
  return (
    <Shell>
      <Blank />
    </Shell>
  );
}

function BlankCard() {
  return (
    <Outside>
      <h1 className="sr-only">Loading…</h1>
      <div className="card h-96" aria-busy="true" />
    </Outside>
  );
}

function Blank({ wide }: { wide?: boolean }) {
  return (
    <div className={`mx-auto w-full ${wide ? "max-w-6xl" : "max-w-3xl"}`} aria-busy="true">
      <h1 className="sr-only">Loading…</h1>
      <div className="mb-6" aria-hidden>
        <span className="skeleton block h-8.5 w-40" />
        <span className="skeleton mt-1 block h-5 w-64 max-w-full" />
      </div>
      <div className="card overflow-clip">
        <Skeleton rows={3} className="h-28" />
      </div>
    </div>
  );
}

function Inside({ auth: { user } }: { auth: Extract<AuthState, { status: "signed_in" }> }) {
  const gh = useGatehouse();
  useEffect(() => {
    const set = () => document.visibilityState === "visible" && void setClock(gh);
    set();
    document.addEventListener("visibilitychange", set);
    return () => document.removeEventListener("visibilitychange", set);
  }, [gh]);
  const path = usePath();
  const { error } = useDevices();
  const must = codeOf(error) === "mfa_setup_required";
  return (
    <Shell user={user}>
      <Broken at={path}>
        <Suspense fallback={<Blank wide={path.startsWith("/staff")} />}>
          {must ? <Account at="/security" must user={user} /> : <Room path={path} user={user} />}
        </Suspense>
      </Broken>
    </Shell>
  );
}

function Room({ path, user }: { path: string; user: User }) {
  switch (path) {
    case "/":
      return <Devices />;
    case "/security":
    case "/activity":
    case "/profile":
      return <Account at={path} user={user} />;
  }
  return /^\/staff(\/|$)/.test(path) ? <ForStaff path={path} user={user} /> : <NotFound />;
}

/** What a role may not see isn't fetched either. Moderators, who have no overview, begin with the sessions. */
function ForStaff({ path, user }: { path: string; user: User }) {
  const places = staffPlaces(user.roles);
  if (!places.length) return <Forbidden />;
  if (path === "/staff" && places[0]?.href !== path) return <Redirect to={places[0]?.href ?? "/"} />;
  if (path === "/staff/jobs" && !user.roles.includes("admin")) return <Forbidden />;
  return <Staff path={path} user={user} />;
}
