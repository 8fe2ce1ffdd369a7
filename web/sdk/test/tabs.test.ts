import { describe, expect, it, vi } from "vitest";
import { channelDelay, kicked, pass, problem, url } from "./hub.js";
import { hub, signedIn, tab } from "./setup.js";

const states = (tabs: ReturnType<typeof tab>[]) => tabs.map((t) => t.auth.state.get().status);

describe("tabs", () => {
  it("come in when one signs in", async () => {
    const [a, b] = [tab(), tab()];
    await a.auth.signIn.password({ email: "ada@example.com", password: "right" });
    await pass();
    expect(states([a, b])).toEqual(["signed_in", "signed_in"]);
    expect([hub.count("POST /auth/refresh"), hub.open.length]).toEqual([0, 2]);
  });

  it("leave when one signs out, and nobody calls it forced", async () => {
    const [a, b] = [await signedIn(), await signedIn()];
    const forced = vi.fn();
    b.auth.onForcedLogout(forced);
    const done = a.auth.signOut();
    await pass();
    expect(b.auth.state.get()).toEqual({ status: "signed_out", reason: "signed_out" });
    expect([hub.open.length, forced.mock.calls.length]).toEqual([0, 0]);
    await done;
    expect(hub.count("POST /auth/logout")).toBe(1);
  });

  it("share a grant: five with an expiring token refresh once", async () => {
    const all = [];
    for (let i = 0; i < 5; i++) all.push(await signedIn());
    await pass(840_000);
    channelDelay.ms = 20; // the lock is faster than the word
    hub.requests = [];
    hub.handlers["POST /auth/refresh"] = () =>
      new Promise((done) => setTimeout(() => done(hub.signIn(hub.cookie)), 80));
    for (const socket of hub.open) socket.say("auth.expiring", { expires_in: 60 });
    await pass(1000);
    expect(hub.count("POST /auth/refresh")).toBe(1);
    const token = await all[0]?.auth.getToken();
    expect(hub.open.map((s) => s.last("auth")?.token)).toEqual([token, token, token, token, token]);
    expect(new Set(states(all))).toEqual(new Set(["signed_in"]));
  });

  it("do not wait for a frozen one longer than 5 s", async () => {
    hub.remember();
    navigator.locks.request(`gatehouse ${url}`, {}, () => new Promise(() => {}));
    const gh = tab();
    await pass(4999);
    expect(states([gh])).toEqual(["loading"]);
    await pass(200);
    expect(states([gh])).toEqual(["signed_in"]);
  });

  it("each tell once that the session was ended by somebody else", async () => {
    const [a, b] = [await signedIn(), await signedIn()];
    const forced = [vi.fn(), vi.fn()];
    a.auth.onForcedLogout(forced[0] as never);
    b.auth.onForcedLogout(forced[1] as never);
    hub.end(hub.cookie);
    await pass(1000);
    expect(a.auth.state.get()).toEqual({ status: "signed_out", reason: kicked });
    expect(b.auth.state.get()).toEqual({ status: "signed_out", reason: kicked });
    expect(forced.map((f) => f.mock.calls)).toEqual([[[kicked]], [[kicked]]]);
  });

  it("hear of the end from a tab whose socket told it", async () => {
    const [a, b] = [await signedIn(), await signedIn()];
    const [first] = hub.open;
    first?.say("session.ended", kicked);
    await pass();
    expect(states([a, b])).toEqual(["signed_out", "signed_out"]);
  });

  it("follow when one signs in as somebody else", async () => {
    const [a, b] = [await signedIn(), await signedIn()];
    const before = hub.cookie;
    await a.auth.signIn.password({ email: "bo@example.com", password: "right" });
    for (const s of hub.open.filter((s) => s.session === before))
      s.say("session.ended", { reason: "signed_out", by: { kind: "self" } });
    await pass(100);
    expect([a, b].map((t) => (t.auth.state.get() as { session?: { id: string } }).session?.id)).toEqual([
      hub.cookie,
      hub.cookie,
    ]);
    expect(hub.open.map((s) => s.session)).toEqual([hub.cookie, hub.cookie]);
    expect(localStorage.getItem(`gatehouse ${url}`)).toBe("in");
  });

  it("that slept through a sign-out or a sign-in catch up when they wake", async () => {
    const gh = await signedIn();
    localStorage.removeItem(`gatehouse ${url}`);
    window.dispatchEvent(new Event("pageshow"));
    expect(states([gh])).toEqual(["signed_out"]);
    hub.remember();
    document.dispatchEvent(new Event("visibilitychange"));
    await pass();
    expect(states([gh])).toEqual(["signed_in"]);
  });

  it("that owe a sign-out tell the hub when the network is back", async () => {
    const gh = await signedIn();
    hub.reachable = false;
    await gh.auth.signOut();
    hub.reachable = true;
    hub.requests = [];
    window.dispatchEvent(new Event("online"));
    await pass();
    expect(hub.requests.map((r) => r.operation)).toEqual(["POST /auth/logout"]);
    expect(localStorage.getItem(`gatehouse ${url}`)).toBeNull();
  });

  it("of which one starts while another signs out, stay out", async () => {
    const a = await signedIn();
    let late = () => {};
    const session = hub.cookie;
    hub.handlers["POST /auth/refresh"] = () => new Promise((done) => (late = () => done(hub.signIn(session))));
    const b = tab();
    await pass();
    const done = a.auth.signOut();
    await pass();
    late();
    await done;
    await pass();
    expect(states([a, b])).toEqual(["signed_out", "signed_out"]);
  });

  it("do not let a late refresh bring a session back, in no tab", async () => {
    const a = await signedIn();
    const session = hub.cookie;
    let late = () => {};
    hub.handlers["POST /auth/refresh"] = () => new Promise((done) => (late = () => done(hub.signIn(session))));
    await pass(896_000);
    const token = a.auth.getToken();
    await pass();
    const done = a.auth.signOut();
    localStorage.removeItem(`gatehouse ${url}`);
    const b = tab(); // knows nothing of the session
    late();
    expect(await token).toBeNull();
    await done;
    await pass(100);
    expect(states([a, b])).toEqual(["signed_out", "signed_out"]);
  });

  it("do not believe a word that comes late", async () => {
    const a = await signedIn();
    const words: unknown[] = [];
    const channel = new BroadcastChannel(`gatehouse ${url}`);
    channel.onmessage = ({ data }) => words.push(data);
    hub.tokens.clear();
    await a.fetch("/auth/me");
    await pass();
    await a.auth.signOut();
    expect(words[0]).toMatchObject({ grant: { token: "token-2" } });
    channel.postMessage(words[0]);
    await pass();
    expect(states([a])).toEqual(["signed_out"]);
    expect(hub.open).toEqual([]);
  });

  it("keep the newer of two grants", async () => {
    const gh = await signedIn();
    const words: object[] = [];
    const channel = new BroadcastChannel(`gatehouse ${url}`);
    channel.onmessage = ({ data }) => words.push(data);
    for (let i = 0; i < 2; i++) {
      await pass(1000);
      hub.tokens.clear();
      await gh.fetch("/auth/me");
    }
    await pass();
    channel.postMessage(words[0]);
    await pass();
    expect(await gh.auth.getToken()).toBe("token-3");
  });

  it("keep the new session when the refresh of the old one is refused late", async () => {
    const gh = await signedIn();
    let late = () => {};
    hub.handlers["POST /auth/refresh"] = () =>
      new Promise((done) => (late = () => done(problem(401, "session_revoked", kicked))));
    await pass(896_000);
    hub.socket.shut(1006);
    await pass(300); // the socket waits for that refresh
    const { body } = hub.signIn() as { body: { access_token: string; user: object; session: object } };
    const grant = { token: body.access_token, user: body.user, session: body.session, life: 900_000, at: Date.now() };
    new BroadcastChannel(`gatehouse ${url}`).postMessage({ grant });
    await pass();
    late();
    await pass(1000);
    expect(gh.auth.state.get()).toMatchObject({ status: "signed_in", session: { id: hub.cookie } });
    expect(hub.open.map((s) => s.session)).toEqual([hub.cookie]);
  });

  it("do without storage, channel and locks", async () => {
    vi.stubGlobal("BroadcastChannel", undefined);
    (navigator as { locks?: unknown }).locks = undefined;
    vi.stubGlobal("localStorage", undefined);
    hub.cookie = "ses_9";
    const gh = tab();
    await pass();
    expect(states([gh])).toEqual(["signed_in"]);
  });
});
