import { describe, expect, it, vi } from "vitest";
import { golden } from "./golden.js";
import { answer, kicked, pass, problem } from "./hub.js";
import { hub, refusal, signedIn, tab } from "./setup.js";

const state = (client: ReturnType<typeof tab>) => client.socket.state.get();

describe("the socket", () => {
  it("opens when somebody is signed in, and says how it stands", async () => {
    hub.remember();
    const gh = tab();
    const seen: string[] = [state(gh)];
    gh.socket.state.subscribe(() => seen.push(state(gh)));
    await pass();
    await gh.auth.signOut();
    expect(seen).toEqual(["connecting", "open", "closed"]);
  });

  it("answers ping", async () => {
    await signedIn();
    await pass(25_000);
    expect(hub.socket.got).toEqual([{ type: "pong" }]);
  });

  it("bears every golden frame, and what it does not know", async () => {
    const gh = await signedIn();
    for (const name of Object.keys(golden.server))
      if (!name.startsWith("session.ended")) hub.socket.say(name, { re: undefined });
    hub.socket.onmessage?.({ data: '{"type":"weather.changed","seq":9}' });
    hub.socket.onmessage?.({ data: "no JSON" });
    hub.socket.say("ping");
    expect(hub.socket.got.at(-1)).toEqual({ type: "pong" });
    expect(state(gh)).toBe("open");
  });

  it("hangs up after two silent intervals and comes back", async () => {
    const gh = await signedIn();
    hub.socket.zombie = true;
    await pass(49_800);
    expect([state(gh), hub.sockets.length]).toEqual(["open", 1]);
    await pass(200 + 300);
    expect([state(gh), hub.sockets.length]).toEqual(["open", 2]);
  });

  it("gives up on a hub that never welcomes", async () => {
    const gh = await signedIn();
    hub.socket.shut(1006);
    vi.spyOn(Object.getPrototypeOf(Object.getPrototypeOf(hub.socket)), "begin").mockImplementation(() => {});
    await pass(10_000 + 300 + 600);
    expect(hub.sockets.length).toBeGreaterThan(2);
    expect(state(gh)).toBe("reconnecting");
  });

  it("backs off with full jitter, from 0.3 s doubling to 5 s", async () => {
    const random = vi.spyOn(Math, "random").mockReturnValue(1);
    await signedIn();
    hub.reachable = false;
    hub.socket.shut(1006);
    await pass(30_000);
    const at = hub.sockets.slice(1).map((s) => s.at);
    const pauses = at.slice(1).map((t, i) => Math.ceil(t - (at[i] as number)));
    expect(pauses.slice(0, 6)).toEqual([600, 1200, 2400, 4800, 5000, 5000]);
    random.mockReturnValue(0);
    const before = hub.sockets.length;
    await pass(5000);
    expect(hub.sockets.length).toBeGreaterThan(before);
  });

  it("tries at most 12 times in the first 3 s after a restart", async () => {
    await signedIn();
    for (let i = 0; i < 20; i++) {
      hub.reachable = false;
      const before = hub.sockets.length;
      hub.socket.shut(1006);
      await pass(3000);
      expect(hub.sockets.length - before).toBeLessThanOrEqual(12);
      hub.reachable = true;
      await pass(12_000);
    }
  });

  it("comes back when the hub said to", async () => {
    const gh = await signedIn();
    hub.socket.say("reconnect", { after_ms: 1250 });
    hub.socket.shut(1012, "restart");
    await pass(1249);
    expect([state(gh), hub.sockets.length]).toEqual(["reconnecting", 1]);
    await pass(1);
    expect(state(gh)).toBe("open");
  });

  it("waits as long as an error before the close asked", async () => {
    await signedIn();
    hub.socket.say("error", { re: undefined, code: "rate_limited", retry_after: 30 });
    hub.socket.shut(4429, "rate_limited");
    await pass(29_999);
    expect(hub.sockets.length).toBe(1);
    await pass(301);
    expect(hub.sockets.length).toBe(2);
  });

  it("refreshes and comes back at once after 4401; the second time it waits", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.9);
    const gh = await signedIn();
    hub.socket.shut(4401, "token_expired");
    await pass();
    expect([state(gh), hub.sockets.length, hub.count("POST /auth/refresh")]).toEqual(["open", 2, 2]);
    hub.socket.shut(4401, "token_expired");
    await pass();
    expect([state(gh), hub.sockets.length]).toEqual(["reconnecting", 2]);
    await pass(600);
    expect([state(gh), hub.sockets.length]).toEqual(["open", 3]);
  });

  it.each([
    [4501, "session_revoked"],
    [4502, "kicked"],
    [4503, "credentials_changed"],
    [4504, "account_disabled"],
    [4505, "token_reuse"],
    [4508, "session_expired"],
  ])("is over for good after %i, also when no frame told", async (code, name) => {
    const gh = await signedIn();
    const forced = vi.fn();
    gh.auth.onForcedLogout(forced);
    hub.socket.shut(code, name);
    await pass(60_000);
    expect(gh.auth.state.get()).toMatchObject({
      status: "signed_out",
      reason: { reason: name, by: { kind: "system" } },
    });
    expect([state(gh), hub.sockets.length, forced.mock.calls.length]).toEqual(["closed", 1, 1]);
  });

  it("takes 4507 for one's own sign-out", async () => {
    const gh = await signedIn();
    hub.socket.shut(4507, "signed_out");
    expect(gh.auth.state.get()).toEqual({ status: "signed_out", reason: "signed_out" });
  });

  it.each([4500, 4506, 4509])("stays closed after %i, and asks the hub why", async (code) => {
    const gh = await signedIn();
    hub.socket.shut(code);
    await pass(60_000);
    expect([state(gh), hub.sockets.length, gh.auth.state.get().status]).toEqual(["closed", 1, "signed_in"]);
    expect(hub.count("POST /auth/refresh")).toBe(2);
    hub.handlers["POST /auth/reauthenticate"] = () => hub.signIn(hub.cookie);
    await gh.auth.reauthenticate({ code: "123456" });
    await pass();
    expect(state(gh)).toBe("open");
  });

  it("counts session.ended although the close never comes", async () => {
    const gh = await signedIn();
    hub.socket.say("session.ended", { ...kicked });
    expect(gh.auth.state.get()).toEqual({ status: "signed_out", reason: kicked });
    await pass(60_000);
    expect(hub.sockets.length).toBe(1);
  });

  it("does not call one's own end forced", async () => {
    const gh = await signedIn();
    hub.socket.say("session.ended", { reason: "signed_out", by: { kind: "self" }, message: undefined });
    expect(gh.auth.state.get()).toEqual({ status: "signed_out", reason: "signed_out" });
  });
});

describe("authority", () => {
  it("is renewed in band when it expires", async () => {
    await signedIn();
    await pass(840_000 - 1);
    hub.socket.say("auth.expiring", { expires_in: 60 });
    await pass();
    expect(hub.count("POST /auth/refresh")).toBe(2);
    expect(hub.socket.last("auth")).toMatchObject({ token: hub.requests.length ? `token-2` : "" });
    expect(hub.sockets.length).toBe(1);
  });

  it("is renewed in band after every refresh", async () => {
    const gh = await signedIn();
    hub.tokens.clear();
    hub.tokens.set("token-1-gone", hub.cookie);
    await gh.fetch("/auth/me");
    expect(hub.socket.last("auth")).toMatchObject({ token: "token-2" });
  });

  it("is asked for again when the hub was away", async () => {
    await signedIn();
    hub.handlers["POST /auth/refresh"] = () => problem(503, "unavailable");
    hub.socket.say("auth.expiring", { expires_in: 60 });
    await pass(1000);
    delete hub.handlers["POST /auth/refresh"];
    await pass(5000);
    expect(hub.socket.last("auth")).toMatchObject({ token: "token-2" });
  });

  it("follows roles, and refreshes the token for HTTP", async () => {
    const gh = await signedIn();
    hub.roles = ["user", "moderator"];
    hub.socket.say("auth.changed", { roles: hub.roles });
    expect(gh.auth.state.get()).toMatchObject({ user: { roles: ["user", "moderator"] } });
    await pass();
    expect(hub.count("POST /auth/refresh")).toBe(2);
  });

  it("may owe a second factor, which is paid over HTTP", async () => {
    const gh = await signedIn();
    hub.socket.say("mfa.required", { methods: ["totp"], expires_in: 300 });
    expect(gh.auth.state.get()).toEqual({ status: "mfa_required", methods: ["totp"], expiresIn: 300 });
    const { session } = (await gh.call("GET /auth/session").catch(() => ({}))) as { session?: unknown };
    expect(session).toBeUndefined();
    hub.tokens.delete("token-1");
    await gh.fetch("/auth/me"); // a refresh does not pay
    expect(gh.auth.state.get().status).toBe("mfa_required");
    hub.handlers["POST /auth/reauthenticate"] = ({ body }) => {
      hub.aal = body.code === "123456" ? 2 : 1;
      const paid = hub.signIn(hub.cookie);
      const signIn = paid.body as { session: object };
      return body.code === "123456"
        ? answer({ ...signIn, session: { ...signIn.session, aal: 2 } })
        : problem(401, "invalid_code");
    };
    expect(await refusal(gh.auth.mfa.totp("1"))).toMatchObject({ code: "invalid_code" });
    await gh.auth.mfa.totp("123456");
    expect(gh.auth.state.get()).toMatchObject({ status: "signed_in", session: { aal: 2 } });
  });

  it("that owes is released when another tab pays", async () => {
    const gh = await signedIn();
    hub.socket.say("mfa.required");
    hub.socket.say("auth.ok", { re: undefined, aal: 2 });
    expect(gh.auth.state.get().status).toBe("signed_in");
  });
});

describe("waking up", () => {
  it("finds a zombie within 3 s, refreshes, and is back", async () => {
    const gh = await signedIn();
    hub.socket.zombie = true;
    document.dispatchEvent(new Event("visibilitychange"));
    await pass(2999);
    expect(hub.sockets.length).toBe(1);
    await pass(5);
    expect([state(gh), hub.sockets.length, hub.count("POST /auth/refresh")]).toEqual(["open", 2, 2]);
  });

  it.each(["visibilitychange", "pageshow", "online", "resume"])("keeps a socket that lives (%s)", async (event) => {
    await signedIn();
    window.dispatchEvent(new Event(event));
    expect(hub.socket.last("auth")).toMatchObject({ token: "token-1" });
    await pass(10_000);
    expect([hub.sockets.length, hub.count("POST /auth/refresh")]).toEqual([1, 1]);
  });

  it("does nothing when the page is being hidden", async () => {
    await signedIn();
    vi.spyOn(document, "hidden", "get").mockReturnValue(true);
    document.dispatchEvent(new Event("visibilitychange"));
    expect(hub.socket.last("auth")).toBeUndefined();
  });

  it("ends a pause", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.99);
    const gh = await signedIn();
    hub.reachable = false;
    hub.socket.shut(1006);
    await pass(20_000);
    hub.reachable = true;
    window.dispatchEvent(new Event("online"));
    await pass();
    expect(state(gh)).toBe("open");
  });

  it("goes offline at once, and back at once", async () => {
    const gh = await signedIn();
    (navigator as { onLine: boolean }).onLine = false;
    hub.reachable = false;
    window.dispatchEvent(new Event("offline"));
    await pass();
    expect(state(gh)).toBe("reconnecting");
    await pass(10_000);
    expect(hub.sockets.length).toBe(1);
    (navigator as { onLine: boolean }).onLine = true;
    hub.reachable = true;
    window.dispatchEvent(new Event("online"));
    await pass();
    expect([state(gh), hub.sockets.length]).toEqual(["open", 2]);
  });

  it("does not believe for ever that there is no network", async () => {
    const gh = await signedIn();
    (navigator as { onLine: boolean }).onLine = false;
    window.dispatchEvent(new Event("offline"));
    await pass(15_000);
    expect(state(gh)).toBe("open");
  });
});
