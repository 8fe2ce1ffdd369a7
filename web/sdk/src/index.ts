import { createDevices } from "./devices.js";
import { GatehouseError } from "./error.js";
import { createHttp, unplugged } from "./http.js";
import { extend, lazy } from "./lazy.js";
import { createMessages, createPresence } from "./presence.js";
import type { Rest } from "./rest.js";
import { begin, createSession } from "./session.js";
import { createSocket } from "./socket.js";
import { createTabs } from "./tabs.js";
import type { Client, Ended, Options } from "./types.js";

export type * from "./types.js";
export { GatehouseError };

export interface GatehouseOptions {
  /** Where the hub is, such as https://gatehouse.example.com; the page's own origin by default. */
  url?: string;
}

/**
 * Makes the client of a hub: once per page, at module scope. It begins at once to find out who is signed in. Outside
 * a browser (on a rendering server) it stays `loading` and does nothing.
 */
export function createGatehouse({ url }: GatehouseOptions = {}): Client {
  const base = (url || globalThis.location?.origin || "").replace(/\/+$/, "");
  const http = createHttp(base);
  const tabs = createTabs(base);
  const core = createSession(http, tabs);
  const socket = createSocket(base, core);
  const stop = new AbortController();

  let loading: Promise<Rest> | undefined;
  const load = () => {
    loading ??= unplugged(import("./rest.js")).then(({ createRest }) => createRest(http, tabs, core, socket));
    loading.catch(() => {
      loading = undefined;
    });
    return loading;
  };
  const rest = lazy(load);
  const ahead = () => core.is("signed_out") && load().catch(() => {}); // before somebody presses "Sign in"

  const notice = ({ type }: globalThis.Event) => {
    if (type === "offline") return socket.offline();
    if (document.hidden) return;
    core.agree();
    socket.wake();
  };

  if (typeof window !== "undefined") {
    for (const type of ["visibilitychange", "resume", "pageshow", "online", "offline"]) {
      window.addEventListener(type, notice, { capture: true, signal: stop.signal });
    }
    core.state.subscribe(ahead);
    begin(tabs, core);
    if (core.is("loading")) socket.open();
  }

  return {
    auth: extend(
      {
        state: core.state,
        getToken: () => core.getToken(),
        signOut: core.signOut,
        onForcedLogout: (cb: (ended: Ended) => void) =>
          core.state.subscribe(() => {
            const { reason } = core.state.get() as { reason?: string | Ended };
            if (typeof reason === "object") cb(reason);
          }),
      },
      rest.auth,
    ),
    factors: rest.factors,
    sessions: createDevices(core, socket),
    presence: createPresence(core, socket),
    messages: createMessages(socket),
    admin: rest.admin,
    socket: { state: socket.state },
    async fetch(path, init) {
      const to = new URL(path, base);
      if (to.origin !== new URL(base).origin) throw new TypeError("fetch takes a path of the hub");
      return core.asSignedIn((token) => {
        const headers = new Headers(init?.headers);
        if (token) headers.set("Authorization", `Bearer ${token}`);
        return unplugged(fetch(to, { credentials: "include", ...init, headers }));
      });
    },
    call: (operation, { path = {}, ...sending } = {}) =>
      core.ask(
        operation.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(path[name] ?? "")),
        sending,
      ) as Promise<never>,
    options: () => core.ask("GET /auth/options") as Promise<Options>,
    dispose() {
      stop.abort();
      socket.dispose();
      tabs.close();
    },
  };
}
