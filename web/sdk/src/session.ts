import type { GatehouseError } from "./error.js";
import type { MFARequired, SignIn } from "./gen/api.js";
import { type Ask, answer, type Http, ofToken, patience, within } from "./http.js";
import { createStore } from "./store.js";
import type { Grant, Reason, Tabs } from "./tabs.js";
import type { AuthState, Ended, Session, User } from "./types.js";

/** A token with less to live is not given out. */
const least = 5000;

/** How long the tab that waited its turn to refresh listens for what the one before it got. */
const overhear = 150;

export type SessionCore = ReturnType<typeof createSession>;

/** Who is signed in in this tab, with which token. It knows no socket. */
export function createSession(http: Http, tabs: Tabs) {
  const state = createStore<AuthState>({ status: "loading" });
  const grant = createStore<Grant | undefined>(undefined);
  let over: string | undefined; // the session before: nothing that comes late brings it back
  let flight: Promise<unknown> | undefined; // the exchange of tokens that is under way
  let mfaToken: string | undefined; // of a sign-in that waits for its second factor

  const is = (status: AuthState["status"]) => state.get().status === status;
  const id = () => grant.get()?.session.id;

  /**
   * The token, unless it is the one that is known to be bad or has too little to live. Clocks lie and
   * performance.now() may sleep with the machine: whichever says that more time has passed.
   */
  function usable(bad?: string) {
    const g = grant.get();
    if (!g || g.token === bad) return null;
    return g.life - Math.max(performance.now() - (g.seen ?? 0), Date.now() - g.at) > least ? g.token : null;
  }

  function adopt(next: Grant) {
    const { user, session } = next;
    if (session.id === over) return;
    const owes = session.id === id() && is("mfa_required") && session.aal < 2;
    if (session.id !== id()) over = id();
    next.seen ??= performance.now();
    tabs.setMark("in");
    if (!owes) {
      mfaToken = undefined;
      state.set({ status: "signed_in", user, session });
    }
    grant.set(next);
  }

  /** Takes an answer that signs in, or goes on with a session, or wants a second factor. */
  function take(got: Partial<Omit<SignIn, "status">> & Partial<Omit<MFARequired, "status">>) {
    const { access_token: token, user, session, expires_in = 300 } = got ?? {};
    if (token && user && session && session.id !== over) {
      const next: Grant = { token, user, session, life: expires_in * 1000, at: Date.now() };
      tabs.tell({ grant: next });
      adopt(next);
    } else if (got?.mfa_token) {
      mfaToken = got.mfa_token;
      want(got.methods, expires_in);
    }
    return got;
  }

  /** A second factor is wanted: to finish a sign-in, or of a session that owes one. */
  function want(methods: MFARequired["methods"] = [], expiresIn: number) {
    state.set({ status: "mfa_required", methods, expiresIn });
  }

  /** Nobody is signed in from here on. */
  function leave(reason: Reason, tell = true) {
    if (tabs.mark() !== "out") tabs.setMark();
    if (is("signed_out")) return;
    over = id() ?? over;
    mfaToken = undefined;
    state.set({ status: "signed_out", reason });
    if (tell && grant.get()) tabs.tell({ gone: over, reason });
    grant.set(undefined);
  }

  /** The hub says that the session is over. What the person did is no forced sign-out. */
  function ended(end: Ended) {
    leave(end.by.kind === "self" || end.reason === "signed_out" ? "signed_out" : end);
  }

  /** One exchange at a time. */
  function fly<T>(exchange: () => Promise<T>): Promise<T> {
    flight ??= exchange().finally(() => {
      flight = undefined;
    });
    return flight as Promise<T>;
  }

  const refresh = (bad = grant.get()?.token) =>
    fly(async () => {
      const began = id();
      const [waited, done] = await tabs.turn();
      try {
        if (waited && !usable(bad)) await heard();
        if (began !== id() || usable(bad)) return;
        take(await attempt());
        if (is("loading")) leave("none"); // it came late: another tab has signed out
      } catch (error) {
        const { status, code, ended: end } = error as GatehouseError;
        if (status !== 401 || !ofToken(code)) throw error;
        if (began !== id()) return; // whoever signed in meanwhile stays
        if (end ?? began) ended(end ?? nobodySays(code));
        else leave("none"); // at a start there may just have been no session
      } finally {
        done();
      }
    });

  /** A refresh that is silent is given up and repeated: presenting the same token again does no harm. */
  async function attempt(again = true): Promise<SignIn> {
    try {
      return (await within(patience, (signal) => http.ask("POST /auth/refresh", { signal }))) as SignIn;
    } catch (error) {
      if (again && (error as GatehouseError).code === "timeout") return attempt(false);
      throw error;
    }
  }

  /** Waits a little for a grant of another tab. */
  async function heard() {
    let stop = () => {};
    await new Promise<void>((resolve) => {
      stop = grant.subscribe(resolve);
      setTimeout(resolve, overhear);
    });
    stop();
  }

  async function getToken(bad?: string): Promise<string | null> {
    if (grant.get() || is("loading")) {
      if (!usable(bad)) await refresh(bad);
    } else await flight?.catch(() => {}); // a sign-out: its answer must not clear the cookie of a sign-in
    return grant.get()?.token ?? null;
  }

  /** Sends as whoever is signed in. A token that is found bad is renewed and the request repeated, once. */
  async function asSignedIn(once: (token: string | null) => Promise<Response>): Promise<Response> {
    const token = await getToken();
    const response = await once(token);
    if (!token || response.status !== 401) return response;
    const { code } = await response.clone().json().catch(Object);
    const next = ofToken(code) && (await getToken(token).catch(() => null));
    return next ? once(next) : response;
  }

  const ask: Ask = async (operation, sending) =>
    take((await answer(await asSignedIn((token) => http.send(operation, { ...sending, token })))) as object);

  /** Signs out at once. The mark makes the next start tell the hub, unless this can. */
  async function signOut(): Promise<void> {
    if (is("signed_out")) return;
    const token = usable();
    tabs.setMark("out");
    leave("signed_out");
    await flight?.catch(() => {});
    await tellHub(token);
  }

  function tellHub(token?: string | null): Promise<unknown> {
    const told = () => tabs.mark() === "out" && tabs.setMark();
    return fly(() =>
      within(patience, (signal) => http.ask("POST /auth/logout", { signal, token, keepalive: true })).then(
        told,
        ({ status }) => /^4(?!29)/.test(status) && told(), // there was nothing to sign out
      ),
    );
  }

  /** Makes state and mark agree: another tab may have gone on while this one slept. */
  function agree() {
    const mark = tabs.mark();
    if (mark !== "in" && grant.get()) leave("signed_out", false);
    else if (is("signed_out")) {
      if (mark === "out") tellHub();
      if (mark === "in") refresh().catch(() => {});
    }
  }

  tabs.listen(({ gone, reason, grant: next }) => {
    if (next) next.at >= (grant.get()?.at ?? 0) && adopt({ ...next, seen: undefined });
    else if (gone === id()) leave(reason, false);
    else if (is("loading")) over = gone;
  });

  return {
    state,
    is,
    id,
    grant,
    ask,
    asSignedIn,
    take,
    want,
    leave,
    ended,
    refresh,
    getToken,
    signOut,
    tellHub,
    agree,
    mfaToken: () => mfaToken,
    /** Changes what is known of the person or the device. */
    patch(user: Partial<User>, session?: Partial<Session>) {
      const g = grant.get();
      if (g) adopt({ ...g, user: { ...g.user, ...user }, session: { ...g.session, ...session } });
    },
  };
}

/** Does what the mark promises, and takes what the way back from a provider left in the address: once. */
export function begin(tabs: Tabs, core: SessionCore) {
  const mark = tabs.mark();
  const { hash, pathname, search } = location;
  const told = new URLSearchParams(hash.slice(1));
  const mfa_token = told.get("mfa_token");
  if (mark === "out") core.tellHub();
  if (!mark || mark === "out" || mfa_token || (mark === "oauth" && told.has("error"))) core.leave("none");
  if (!mfa_token) return;
  history.replaceState(history.state, "", pathname + search);
  core.take({
    mfa_token,
    methods: told.get("methods")?.split(",") as MFARequired["methods"],
    expires_in: Number(told.get("expires_in")),
  });
}

/** An end of which only the name is known. */
export const nobodySays = (reason: string): Ended => ({ reason, by: { kind: "system" }, at: new Date().toISOString() });
