import { createAdmin } from "./admin.js";
import { createAuth } from "./auth.js";
import { createFactors } from "./factors.js";
import type { Http } from "./http.js";
import type { SessionCore } from "./session.js";
import type { Socket } from "./socket.js";
import type { Tabs } from "./tabs.js";

// What staying signed in does not need: it is loaded when it is first used, or as soon as nobody is signed in.

export type Rest = ReturnType<typeof createRest>;

export function createRest(http: Http, tabs: Tabs, core: SessionCore, socket: Socket) {
  return { auth: createAuth(http, tabs, core), factors: createFactors(core, socket), admin: createAdmin(core, socket) };
}
