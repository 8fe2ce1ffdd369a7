import { describe, expect, it, vi } from "vitest";
import { answer, kicked, pass, problem, url } from "./hub.js";
import { history, hub, refusal, signedIn, tab } from "./setup.js";

const mark = () => localStorage.getItem(`gatehouse ${url}`);
const status = (client: ReturnType<typeof tab>) => client.auth.state.get().status;

describe("a start", () => {
  it("asks nothing on a first visit", async () => {
    const gh = tab();
    expect(gh.auth.state.get()).toEqual({ status: "signed_out", reason: "none" });
    await pass(60_000);
    expect(hub.requests).toEqual([]);
    expect(hub.sockets).toEqual([]);
  });

  it("goes on with the session before, by one refresh and one socket", async () => {
    hub.remember();
    const gh = tab();
    const seen = history(gh);
    await pass();
    expect([...new Set(seen)]).toEqual(["loading", "signed_in"]);
    expect(gh.auth.state.get()).toMatchObject({ user: { email: "ada@example.com" }, session: { id: hub.cookie } });
    expect(hub.requests.map((r) => r.operation)).toEqual(["POST /auth/refresh"]);
    expect(hub.sockets.map((s) => [s.address, s.protocols])).toEqual([
      ["wss://hub.test/ws", ["gatehouse.v1", "bearer.token-1"]],
    ]);
  });

  it("keeps loading while the hub is away, and says so by the socket", async () => {
    hub.remember();
    hub.reachable = false;
    const gh = tab();
    const seen = history(gh);
    await pass(20_000);
    expect([status(gh), gh.socket.state.get()]).toEqual(["loading", "reconnecting"]);
    hub.reachable = true;
    await pass(5000);
    expect([status(gh), gh.socket.state.get()]).toEqual(["signed_in", "open"]);
    expect([...new Set(seen)]).toEqual(["loading", "signed_in"]);
  });

  it("tells why a session ended meanwhile", async () => {
    hub.remember();
    hub.handlers["POST /auth/refresh"] = () => problem(401, "session_revoked", kicked);
    const gh = tab();
    const forced = vi.fn();
    gh.auth.onForcedLogout(forced);
    await pass();
    expect(gh.auth.state.get()).toEqual({ status: "signed_out", reason: kicked });
    expect(forced.mock.calls).toEqual([[kicked]]);
    expect(mark()).toBeNull();
  });

  it("is no forced sign-out when the cookie is gone", async () => {
    hub.remember();
    hub.cookie = "";
    const gh = tab();
    await pass();
    expect(gh.auth.state.get()).toEqual({ status: "signed_out", reason: "none" });
    expect(mark()).toBeNull();
  });

  it.each([503, 429, 500])("does not sign out for a %i", async (code) => {
    hub.remember();
    hub.handlers["POST /auth/refresh"] = () => problem(code, "unavailable", { retry_after: 2 });
    const gh = tab();
    await pass(1000);
    expect([status(gh), hub.count("POST /auth/refresh")]).toEqual(["loading", 1]);
    delete hub.handlers["POST /auth/refresh"];
    await pass(2000);
    expect(status(gh)).toBe("signed_in");
  });
});

describe("signing in", () => {
  it("by password, and the socket opens", async () => {
    const gh = tab();
    await gh.auth.signIn.password({ email: "ada@example.com", password: "right" });
    await pass();
    expect([status(gh), gh.socket.state.get(), mark()]).toEqual(["signed_in", "open", "in"]);
  });

  it("refuses with the hub's code, and nothing else happens", async () => {
    const gh = tab();
    const error = await refusal(gh.auth.signIn.password({ email: "ada@example.com", password: "wrong" }));
    expect(error).toMatchObject({ name: "GatehouseError", code: "invalid_credentials", status: 401 });
    expect(gh.auth.state.get()).toEqual({ status: "signed_out", reason: "none" });
    expect(hub.count("POST /auth/refresh")).toBe(0);
  });

  it("carries fields and the wait of a refusal", async () => {
    const gh = tab();
    hub.handlers["POST /auth/register"] = () =>
      problem(422, "validation_failed", { fields: { password: "is too short" } });
    expect(await refusal(gh.auth.signUp({ email: "a@b.c", password: "x" }))).toMatchObject({
      fields: { password: "is too short" },
    });
    hub.handlers["POST /auth/login"] = () => ({
      status: 429,
      body: { code: "rate_limited" },
      headers: { "Retry-After": "7" },
    });
    expect(await refusal(gh.auth.signIn.password({ email: "a@b.c", password: "x" }))).toMatchObject({
      code: "rate_limited",
      retryAfter: 7,
    });
  });

  it("tells when the hub cannot be reached", async () => {
    const gh = tab();
    hub.reachable = false;
    expect(await refusal(gh.auth.signIn.password({ email: "a@b.c", password: "right" }))).toMatchObject({
      code: "network",
      status: 0,
    });
  });

  it("after signing up, or sends a mail first", async () => {
    const gh = tab();
    hub.handlers["POST /auth/register"] = () => answer({ status: "verification_sent" }, 202);
    expect(await gh.auth.signUp({ email: "a@b.c", password: "right" })).toBe("verification_sent");
    expect(status(gh)).toBe("signed_out");
    hub.handlers["POST /auth/register"] = () => ({ ...hub.signIn(), status: 201 });
    expect(await gh.auth.signUp({ email: "a@b.c", password: "right", name: "Ada" })).toBe("signed_in");
    expect(status(gh)).toBe("signed_in");
  });
});

describe("the second factor", () => {
  const step = { status: "mfa_required", mfa_token: "mfa-1", methods: ["totp", "recovery_code"], expires_in: 300 };

  async function asked() {
    hub.handlers["POST /auth/login"] = () => answer(step);
    hub.handlers["POST /auth/mfa/totp"] = ({ body }) =>
      body.mfa_token === "mfa-1" && body.code === "123456" ? hub.signIn() : problem(401, "invalid_code");
    const gh = tab();
    await gh.auth.signIn.password({ email: "ada@example.com", password: "right" });
    return gh;
  }

  it("is wanted, stays wanted after a wrong code, and is paid", async () => {
    const gh = await asked();
    expect(gh.auth.state.get()).toEqual({ status: "mfa_required", methods: ["totp", "recovery_code"], expiresIn: 300 });
    expect(await gh.auth.getToken()).toBeNull();
    expect(await refusal(gh.auth.mfa.totp("000000"))).toMatchObject({ code: "invalid_code" });
    expect(status(gh)).toBe("mfa_required");
    await gh.auth.mfa.totp("123 456");
    expect(status(gh)).toBe("signed_in");
  });

  it("can be cancelled", async () => {
    const gh = await asked();
    gh.auth.mfa.cancel();
    await vi.waitFor(() => expect(gh.auth.state.get()).toEqual({ status: "signed_out", reason: "none" }));
  });

  it("comes back from a provider in the address, once", async () => {
    localStorage.setItem(`gatehouse ${url}`, "oauth");
    location.hash = "#mfa_token=mfa-1&methods=totp,passkey&expires_in=300";
    const gh = tab();
    expect(gh.auth.state.get()).toEqual({ status: "mfa_required", methods: ["totp", "passkey"], expiresIn: 300 });
    expect(location.hash).toBe("");
    hub.handlers["POST /auth/mfa/recovery-code"] = ({ body }) =>
      body.mfa_token === "mfa-1" ? hub.signIn() : problem(410, "grant_expired");
    await gh.auth.mfa.recoveryCode("abcd-efgh");
    expect(status(gh)).toBe("signed_in");
  });
});

describe("a provider", () => {
  it("is visited, and the start after it tries to refresh", async () => {
    const to = vi.spyOn(location, "assign").mockImplementation(() => {});
    const gh = tab();
    gh.auth.signIn.oauth("github", { redirectTo: "/activity?x=1" });
    await vi.waitFor(() => expect(to).toHaveBeenCalledWith(`${url}/auth/oauth/github?redirect_to=%2Factivity%3Fx%3D1`));
    hub.cookie = "ses_7";
    const back = tab();
    await pass();
    expect(status(back)).toBe("signed_in");
  });

  it("that refused leaves no request that must fail", async () => {
    localStorage.setItem(`gatehouse ${url}`, "oauth");
    location.hash = "#error=access_denied";
    const gh = tab();
    expect(status(gh)).toBe("signed_out");
    expect(location.hash).toBe("#error=access_denied");
    await pass();
    expect(hub.requests).toEqual([]);
  });
});

describe("tokens", () => {
  it("are refreshed once for sixteen callers", async () => {
    const gh = await signedIn();
    await pass(896_000);
    hub.requests = [];
    const tokens = await Promise.all(Array.from({ length: 16 }, () => gh.auth.getToken()));
    expect(new Set(tokens).size).toBe(1);
    expect(hub.count("POST /auth/refresh")).toBe(1);
  });

  it("are not given out with less than 5 s to live", async () => {
    const gh = await signedIn();
    const first = await gh.auth.getToken();
    await pass(894_000);
    expect(await gh.auth.getToken()).toBe(first);
    await pass(1001);
    expect(await gh.auth.getToken()).not.toBe(first);
  });

  it.each([3_600_000, -3_600_000])("do not care for a clock that is %i ms off", async (off) => {
    vi.setSystemTime(Date.now() + off);
    const gh = await signedIn();
    await pass(60_000);
    expect(await gh.auth.getToken()).toBe("token-1");
    expect(hub.count("POST /auth/refresh")).toBe(1);
  });

  it("are old after a sleep in which performance.now() stood still", async () => {
    const gh = await signedIn();
    vi.setSystemTime(Date.now() + 3_600_000);
    expect(await gh.auth.getToken()).toBe("token-2");
  });

  it("are asked for again when a refresh is silent for 5 s", async () => {
    hub.remember();
    let calls = 0;
    hub.handlers["POST /auth/refresh"] = () => (++calls === 1 ? new Promise(() => {}) : hub.signIn(hub.cookie));
    const gh = tab();
    await pass(4999);
    expect([status(gh), calls]).toEqual(["loading", 1]);
    await pass(1);
    expect([status(gh), calls]).toEqual(["signed_in", 2]);
  });

  it("are null when nobody is signed in", async () => {
    expect(await tab().auth.getToken()).toBeNull();
  });
});

describe("fetch", () => {
  it("carries the token, and renews and repeats once", async () => {
    const gh = await signedIn();
    hub.tokens.clear();
    const response = await gh.fetch("/auth/me", { headers: { "X-Mine": "1" } });
    expect(response.status).toBe(200);
    const calls = hub.requests.filter((r) => r.operation === "GET /auth/me");
    expect(calls.map((r) => r.token)).toEqual(["token-1", "token-2"]);
    expect(hub.count("POST /auth/refresh")).toBe(2);
  });

  it("gives a second refusal to the caller", async () => {
    const gh = await signedIn();
    hub.handlers["GET /auth/me"] = () => problem(401, "token_stale");
    expect((await gh.fetch("/auth/me")).status).toBe(401);
    expect([hub.count("GET /auth/me"), hub.count("POST /auth/refresh")]).toEqual([2, 2]);
    expect(status(gh)).toBe("signed_in");
  });

  it.each(["invalid_credentials", "invalid_code"])("neither refreshes nor signs out for %s", async (code) => {
    const gh = await signedIn();
    hub.handlers["POST /auth/reauthenticate"] = () => problem(401, code);
    expect((await gh.fetch("/auth/reauthenticate", { method: "POST" })).status).toBe(401);
    expect(hub.count("POST /auth/refresh")).toBe(1);
    expect(await refusal(gh.auth.reauthenticate({ password: "x" }))).toMatchObject({ code });
    expect(status(gh)).toBe("signed_in");
  });

  it("is anonymous when nobody is signed in", async () => {
    expect((await tab().fetch("/auth/me")).status).toBe(200);
    expect(hub.requests[0]?.token).toBeUndefined();
  });

  it("throws only when the network fails, and never shows the token to others", async () => {
    const gh = await signedIn();
    await expect(gh.fetch("https://evil.test/x")).rejects.toThrow(TypeError);
    await expect(gh.fetch("//evil.test/x")).rejects.toThrow(TypeError);
    hub.reachable = false;
    expect(await refusal(gh.fetch("/auth/me"))).toMatchObject({ code: "network" });
  });

  it("signs out when the refresh says that the session is over", async () => {
    const gh = await signedIn();
    hub.tokens.clear();
    hub.handlers["POST /auth/refresh"] = () => problem(401, "session_revoked", kicked);
    expect((await gh.fetch("/auth/me")).status).toBe(401);
    expect(gh.auth.state.get()).toEqual({ status: "signed_out", reason: kicked });
  });
});

describe("call", () => {
  it("fills the path, sends body and query, and throws refusals", async () => {
    const gh = await signedIn();
    hub.handlers["PATCH /auth/sessions/ses%2F1"] = ({ body }) => answer(body);
    expect(await gh.call("PATCH /auth/sessions/{id}", { path: { id: "ses/1" }, body: { name: "Desk" } })).toEqual({
      name: "Desk",
    });
    hub.handlers["GET /admin/users"] = ({ query }) =>
      answer({ users: [], total: Number(query.get("limit")), q: query.has("q") });
    expect(await gh.call("GET /admin/users", { query: { limit: 7, q: undefined } })).toEqual({
      users: [],
      total: 7,
      q: false,
    });
    expect(await refusal(gh.call("GET /admin/stats"))).toMatchObject({ code: "not_found", status: 404 });
  });
});

describe("step-up", () => {
  it("refreshes the token in force, not the session", async () => {
    const gh = await signedIn();
    hub.handlers["POST /auth/reauthenticate"] = ({ body }) =>
      body.password === "right" ? hub.signIn(hub.cookie) : problem(401, "invalid_credentials");
    await gh.auth.reauthenticate({ password: "right" });
    await pass();
    expect(await gh.auth.getToken()).toBe("token-2");
    expect(hub.sockets.length).toBe(1);
    expect(hub.socket.last("auth")).toMatchObject({ token: "token-2" });
  });

  it("is asked for with the methods", async () => {
    const gh = await signedIn();
    hub.handlers["POST /auth/logout/others"] = () =>
      problem(403, "step_up_required", { methods: ["password", "totp"] });
    expect(await refusal(gh.sessions.revokeOthers())).toMatchObject({
      code: "step_up_required",
      methods: ["password", "totp"],
    });
  });
});

describe("signing out", () => {
  it("is at once, and the hub is told", async () => {
    const gh = await signedIn();
    const forced = vi.fn();
    gh.auth.onForcedLogout(forced);
    const done = gh.auth.signOut();
    expect(gh.auth.state.get()).toEqual({ status: "signed_out", reason: "signed_out" });
    expect(gh.socket.state.get()).toBe("closed");
    expect(mark()).toBe("out");
    await done;
    expect([hub.count("POST /auth/logout"), mark()]).toEqual([1, null]);
    expect(hub.requests.at(-1)?.token).toBe("token-1");
    expect(await gh.auth.getToken()).toBeNull();
    expect(forced).not.toHaveBeenCalled();
  });

  it("holds when the hub cannot be reached: the next start tells it first", async () => {
    const gh = await signedIn();
    hub.reachable = false;
    await gh.auth.signOut();
    expect([status(gh), mark()]).toEqual(["signed_out", "out"]);
    hub.reachable = true;
    hub.requests = [];
    const next = tab();
    expect(status(next)).toBe("signed_out");
    await pass();
    expect(hub.requests.map((r) => r.operation)).toEqual(["POST /auth/logout"]);
    expect(mark()).toBeNull();
  });

  it("that is owed is forgotten by a sign-in, which waits for it", async () => {
    localStorage.setItem(`gatehouse ${url}`, "out");
    hub.handlers["POST /auth/logout"] = () => new Promise(() => {});
    const gh = tab();
    const done = gh.auth.signIn.password({ email: "ada@example.com", password: "right" });
    await pass(4000);
    expect(hub.count("POST /auth/login")).toBe(0);
    await pass(1000);
    await done;
    expect([status(gh), mark()]).toEqual(["signed_in", "in"]);
  });

  it("outlives a refresh that comes late", async () => {
    const gh = await signedIn();
    let late = () => {};
    hub.handlers["POST /auth/refresh"] = () => new Promise((resolve) => (late = () => resolve(hub.signIn("ses_1"))));
    await pass(896_000);
    const token = gh.auth.getToken();
    await pass();
    const done = gh.auth.signOut();
    late();
    expect(await token).toBeNull();
    await done;
    expect(gh.auth.state.get()).toEqual({ status: "signed_out", reason: "signed_out" });
    expect(hub.open).toEqual([]);
  });

  it("of one's own device is an ordinary one", async () => {
    const gh = await signedIn();
    await gh.sessions.revoke(hub.cookie);
    expect(gh.auth.state.get()).toEqual({ status: "signed_out", reason: "signed_out" });
  });

  it("everywhere, and with the account", async () => {
    const gh = await signedIn();
    hub.handlers["POST /auth/logout/all"] = () => answer(undefined, 204);
    await gh.auth.signOutEverywhere();
    expect(gh.auth.state.get()).toEqual({ status: "signed_out", reason: "signed_out" });
  });
});

describe("dispose", () => {
  it("lets go, twice if need be", async () => {
    const gh = await signedIn();
    gh.dispose();
    gh.dispose();
    window.dispatchEvent(new Event("online"));
    await pass(60_000);
    expect([hub.sockets.length, hub.open.length]).toEqual([1, 0]);
  });
});
