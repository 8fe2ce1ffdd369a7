import { vi } from "vitest";
import { golden, laptop, type Members, vector } from "./golden.js";

// A hub at the level of the protocol: it answers fetch and WebSocket as the contract says, in fake time. What it
// sends is made of golden frames, and what it gets must look like them.

export const url = "https://hub.test";

export interface Request {
  operation: string;
  body: Members;
  query: URLSearchParams;
  token: string | undefined;
  signal: AbortSignal | undefined;
}

type Answer = { status: number; body?: unknown; headers?: Record<string, string> };
type Handler = (request: Request) => Answer | Promise<Answer>;

export const answer = (body?: unknown, status = 200): Answer => ({ status, body });
export const problem = (status: number, code: string, more: Members = {}): Answer => ({
  status,
  body: { code, status, ...more },
});

export const kicked = {
  reason: "kicked",
  by: { kind: "admin", name: "Grace" },
  at: "2026-02-03T04:05:06.789Z",
  message: "Lost laptop",
};

export class Hub {
  requests: Request[] = [];
  sockets: FakeSocket[] = [];
  handlers: Record<string, Handler> = {};
  reachable = true;
  /** What came and is not in the protocol. */
  complaints: string[] = [];
  /** The session of the cookie; "" when there is none. */
  cookie = "";
  /** Tokens that are good, and of which session. */
  tokens = new Map<string, string>();
  life = 900;
  roles = ["user"];
  aal = 1;
  private minted = 0;
  private sessions = 0;

  constructor() {
    vi.stubGlobal("fetch", (to: string | URL, init: RequestInit) => this.fetch(String(to), init));
    const hub = this;
    vi.stubGlobal(
      "WebSocket",
      class extends FakeSocket {
        constructor(address: string, protocols: string[]) {
          super(hub, address, protocols);
        }
      },
    );
  }

  count(operation: string): number {
    return this.requests.filter((r) => r.operation === operation).length;
  }

  /** The socket that was opened last. */
  get socket(): FakeSocket {
    const last = this.sockets.at(-1);
    if (!last) throw new Error("no socket came");
    return last;
  }

  get open(): FakeSocket[] {
    return this.sockets.filter((s) => s.readyState === 1);
  }

  /** A browser that was signed in before. */
  remember() {
    this.cookie = `ses_${++this.sessions}`;
    localStorage.setItem(`gatehouse ${url}`, "in");
  }

  /** A SignIn of a session, with a new token. */
  signIn(session = `ses_${++this.sessions}`, more: Members = {}): Answer {
    const token = `token-${++this.minted}`;
    this.cookie = session;
    this.tokens.set(token, session);
    return answer({
      status: "signed_in",
      access_token: token,
      token_type: "Bearer",
      expires_in: this.life,
      refresh_expires_in: 604800,
      user: { id: "usr_1", email: "ada@example.com", name: "Ada", roles: this.roles },
      session: { ...laptop, id: session, aal: 1 },
      ...more,
    });
  }

  /** Ends a session everywhere. */
  end(session: string, how: Members = kicked) {
    for (const [token, of] of this.tokens) if (of === session) this.tokens.delete(token);
    if (this.cookie === session) this.handlers["POST /auth/refresh"] = () => problem(401, "session_revoked", how);
    for (const s of this.open) {
      if (s.session !== session) continue;
      s.say("session.ended", { message: undefined, ...how });
      s.shut(4502, "kicked");
    }
  }

  private usual: Record<string, Handler> = {
    "POST /auth/login": ({ body }) => (body.password === "right" ? this.signIn() : problem(401, "invalid_credentials")),
    "POST /auth/refresh": () => (this.cookie ? this.signIn(this.cookie) : problem(401, "unauthenticated")),
    "POST /auth/logout": () => {
      this.cookie = "";
      return answer(undefined, 204);
    },
    "GET /auth/me": () => answer({ id: "usr_1" }),
  };

  private async fetch(to: string, init: RequestInit): Promise<Response> {
    const { pathname, searchParams, origin } = new URL(to);
    if (origin !== url) this.complaints.push(`a request to ${origin}`);
    const request: Request = {
      operation: `${init.method ?? "GET"} ${pathname}`,
      body: init.body ? JSON.parse(String(init.body)) : {},
      query: searchParams,
      token: new Headers(init.headers).get("Authorization")?.replace("Bearer ", ""),
      signal: init.signal ?? undefined,
    };
    this.requests.push(request);
    if (!this.reachable) throw new TypeError("fetch failed");
    const aborted = new Promise<never>((_, reject) => {
      request.signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
    });
    const { status, body, headers } = await Promise.race([this.answer(request), aborted]);
    return new Response(body === undefined ? null : JSON.stringify(body), { status, headers: headers ?? {} });
  }

  private async answer(request: Request): Promise<Answer> {
    if (request.token && !this.tokens.has(request.token)) return problem(401, "token_expired");
    const handler = this.handlers[request.operation] ?? this.usual[request.operation];
    return handler ? handler(request) : problem(404, "not_found");
  }
}

type Listener<E> = ((event: E) => void) | null;

export class FakeSocket {
  readyState = 0;
  onmessage: Listener<{ data: string }> = null;
  onclose: Listener<{ code: number; reason: string }> = null;
  /** Frames of the client, without those that were answered by themselves. */
  got: Members[] = [];
  session: string | undefined;
  /** A zombie swallows everything and says nothing. */
  zombie = false;
  /** Whether requests with an id are acked. */
  acks = true;
  at = performance.now();

  constructor(
    private hub: Hub,
    readonly address: string,
    readonly protocols: string[],
  ) {
    hub.sockets.push(this);
    this.session = hub.tokens.get(this.token);
    queueMicrotask(() => this.begin());
  }

  get token(): string {
    return this.protocols[1]?.replace("bearer.", "") ?? "";
  }

  begin() {
    if (this.readyState !== 0) return;
    if (!this.hub.reachable) return this.shut(1006);
    this.readyState = 1;
    if (!this.session) {
      this.say("error before a close", { code: "token_expired" });
      return this.shut(4401, "token_expired");
    }
    this.say("welcome", { session_id: this.session, user: { id: "usr_1", roles: this.hub.roles }, aal: this.hub.aal });
    this.ping();
  }

  private ping() {
    setTimeout(() => {
      if (this.readyState !== 1) return;
      this.say("ping");
      this.ping();
    }, 25_000);
  }

  say(name: string, change: Members = {}) {
    if (this.readyState === 1 && !this.zombie) this.onmessage?.({ data: JSON.stringify(vector(name, change)) });
  }

  send(text: string) {
    const frame = JSON.parse(text) as Members;
    if (!looksGolden(frame)) this.hub.complaints.push(text);
    this.got.push(frame);
    if (!frame.id || this.zombie || !this.acks) return;
    if (frame.type === "auth") {
      const good = this.hub.tokens.get(frame.token) === this.session;
      if (good) this.say("auth.ok", { re: frame.id, roles: this.hub.roles, aal: this.hub.aal });
      else this.say("error", { re: frame.id, code: "token_expired", retry_after: undefined });
    } else {
      this.say("ack", { re: frame.id });
    }
  }

  /** The last frame of a type that came. */
  last(type: string): Members | undefined {
    return this.got.filter((f) => f.type === type).at(-1);
  }

  shut(code: number, reason = "") {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }

  close() {
    this.readyState = 3;
  }
}

/** Whether a frame of the client has only members that golden frames of its type have, of the same types. */
function looksGolden(frame: Members): boolean {
  const ofFeed = (g: Members) => frame.type !== "subscribe" || g.feed === frame.feed;
  const alike = Object.values(golden.client).filter((g) => g.type === frame.type && ofFeed(g));
  const known: Members = Object.assign({}, ...alike);
  const odd = Object.entries(frame).filter(
    ([name, v]) => !/^(id|data|to)$/.test(name) && typeof v !== typeof known[name],
  );
  return !odd.length;
}

/** How long a word takes from tab to tab. */
export const channelDelay = { ms: 0 };

/** The parts of a browser that happy-dom lacks, shared by all tabs of a test. */
export function browser() {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
  localStorage.clear();
  channelDelay.ms = 0;
  const channels = new Set<FakeChannel>();
  class FakeChannel {
    onmessage: Listener<{ data: unknown }> = null;
    constructor(readonly name: string) {
      channels.add(this);
    }
    postMessage(data: unknown) {
      const copy = structuredClone(data);
      const others = [...channels].filter((c) => c !== this && c.name === this.name);
      setTimeout(() => {
        for (const c of others) c.onmessage?.({ data: copy });
      }, channelDelay.ms);
    }
    close() {
      channels.delete(this);
    }
  }
  vi.stubGlobal("BroadcastChannel", FakeChannel);
  vi.stubGlobal(
    "navigator",
    Object.create(navigator, {
      locks: { value: new Locks(), writable: true },
      onLine: { value: true, writable: true },
    }),
  );
}

/** Web Locks, as far as they are used. */
class Locks {
  private tail: Promise<unknown> = Promise.resolve();
  private held = 0;

  async request(
    _: string,
    options: { ifAvailable?: boolean; signal?: AbortSignal },
    cb: (lock: object | null) => unknown,
  ) {
    if (options.ifAvailable && this.held) return cb(null);
    this.held++;
    const before = this.tail;
    let free = () => {};
    this.tail = new Promise<void>((resolve) => {
      free = resolve;
    }).then(() => before);
    const abort = new Promise((_, reject) =>
      options.signal?.addEventListener("abort", () => reject(new Error("aborted"))),
    );
    try {
      await Promise.race([before, abort]);
      return await cb({});
    } finally {
      this.held--;
      free();
    }
  }
}

/** Lets everything happen that is due now, or within so many milliseconds. */
export const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms);
