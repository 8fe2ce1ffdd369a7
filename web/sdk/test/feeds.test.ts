import { describe, expect, it, vi } from "vitest";
import type { Event, Job, Presence, Session, SessionsView } from "../src/index.js";
import { laptop, type Members, phone, vector } from "./golden.js";
import { answer, pass, problem } from "./hub.js";
import { hub, refusal, signedIn, tab } from "./setup.js";

const ids = (list: Session[] | undefined) => list?.map((s) => s.id.slice(-1));
const subscriptions = (feed: string) => hub.socket.got.filter((f) => f.type === "subscribe" && f.feed === feed);

describe("devices", () => {
  async function watched() {
    const gh = await signedIn();
    const lists: Session[][] = [];
    const stop = gh.sessions.watch((list) => lists.push(list));
    await pass(20);
    hub.socket.say("devices.snapshot");
    return { gh, lists, stop };
  }
  const change = (seq: number, kind: string, device: Members) =>
    hub.socket.say("devices.changed", { seq, change: kind, device });

  it("begin with a snapshot and follow its changes, in order of interest", async () => {
    const { lists } = await watched();
    expect(hub.socket.last("subscribe")).toEqual({ type: "subscribe", id: expect.any(String), feed: "devices" });
    expect(ids(lists.at(-1))).toEqual(["F", "G"]);
    change(42, "added", { ...phone, id: "ses_X", last_seen_at: "2026-03-01T00:00:00Z" });
    expect(ids(lists.at(-1))).toEqual(["F", "X", "G"]);
    change(43, "online", { ...phone, online: true });
    expect(ids(lists.at(-1))).toEqual(["F", "G", "X"]);
    change(44, "updated", { ...phone, online: true, name: "Pixel" });
    expect(lists.at(-1)?.[1]?.name).toBe("Pixel");
    change(45, "removed", { ...phone, ended_at: "2026-03-01T00:00:00Z" });
    expect(ids(lists.at(-1))).toEqual(["F", "X"]);
  });

  it("ask again after a gap, and trust nothing until the snapshot", async () => {
    const { lists } = await watched();
    change(44, "removed", phone);
    expect(subscriptions("devices").length).toBe(2);
    change(45, "removed", phone);
    expect([lists.length, subscriptions("devices").length]).toEqual([1, 2]);
    hub.socket.say("devices.snapshot", { seq: 50 });
    change(51, "removed", phone);
    expect(ids(lists.at(-1))).toEqual(["F"]);
  });

  it("take a snapshot at any time", async () => {
    const { lists } = await watched();
    hub.socket.say("devices.snapshot of nothing");
    expect(lists.at(-1)).toEqual([]);
  });

  it("are subscribed to once for all watchers, and left when the last one stops", async () => {
    const { gh, stop } = await watched();
    const late = vi.fn();
    const stopToo = gh.sessions.watch(late);
    expect(ids(late.mock.calls[0]?.[0])).toEqual(["F", "G"]);
    await pass(100);
    expect(subscriptions("devices").length).toBe(1);
    stop();
    stop();
    await pass(100);
    expect(hub.socket.last("unsubscribe")).toBeUndefined();
    stopToo();
    await pass(100);
    expect(hub.socket.last("unsubscribe")).toMatchObject({ feed: "devices" });
  });

  it("do not flap when a watcher leaves and comes at once", async () => {
    const { gh, stop } = await watched();
    stop();
    gh.sessions.watch(() => {});
    await pass(100);
    expect([subscriptions("devices").length, hub.socket.last("unsubscribe")]).toEqual([1, undefined]);
  });

  it("are asked for again on the next connection", async () => {
    const { lists } = await watched();
    hub.socket.shut(1006);
    await pass(300);
    expect(subscriptions("devices").length).toBe(1);
    hub.socket.say("devices.snapshot", { seq: 3, devices: [laptop] });
    expect(ids(lists.at(-1))).toEqual(["F"]);
  });

  it("are asked for again when the hub cannot give them now", async () => {
    await watched();
    hub.socket.say("error", { re: undefined, code: "unavailable", feed: "devices", retry_after: 2 });
    await pass(1999);
    expect(subscriptions("devices").length).toBe(1);
    await pass(1);
    expect(subscriptions("devices").length).toBe(2);
  });

  it("are read over HTTP when no socket comes", async () => {
    const gh = await signedIn();
    hub.socket.shut(4500);
    hub.handlers["GET /auth/sessions"] = () => answer({ sessions: [laptop, phone] });
    const cb = vi.fn();
    gh.sessions.watch(cb);
    await pass(3000);
    expect(ids(cb.mock.calls[0]?.[0])).toEqual(["F", "G"]);
  });

  it("say when they cannot be had", async () => {
    const gh = await signedIn();
    hub.socket.shut(4500);
    hub.handlers["GET /auth/sessions"] = () => problem(503, "unavailable");
    const fail = vi.fn();
    gh.sessions.watch(() => {}, fail);
    await pass(3000);
    expect(fail.mock.calls[0]?.[0]).toMatchObject({ code: "unavailable" });
  });

  it("show what a call did at once, also while the socket is away", async () => {
    const { gh, lists } = await watched();
    hub.reachable = true;
    hub.socket.shut(4500);
    const path = `/auth/sessions/${phone.id}`;
    hub.handlers[`PATCH ${path}`] = ({ body }) => answer({ ...phone, name: body.name });
    await gh.sessions.rename(phone.id, "Pixel");
    expect(lists.at(-1)?.[1]?.name).toBe("Pixel");
    hub.handlers[`DELETE ${path}`] = () => answer(undefined, 204);
    await gh.sessions.revoke(phone.id);
    expect(ids(lists.at(-1))).toEqual(["F"]);
  });

  it("keep a row whose call failed", async () => {
    const { gh, lists } = await watched();
    hub.reachable = false;
    expect(await refusal(gh.sessions.revoke(phone.id))).toMatchObject({ code: "network" });
    expect(ids(lists.at(-1))).toEqual(["F", "G"]);
  });

  it("are forgotten at sign-out", async () => {
    const { gh } = await watched();
    await gh.auth.signOut();
    const cb = vi.fn();
    gh.sessions.watch(cb);
    expect(cb).not.toHaveBeenCalled();
  });

  it("tell the state what this one is called", async () => {
    const { gh } = await watched();
    change(42, "updated", { ...laptop, id: hub.cookie, name: "Desk" });
    expect(gh.auth.state.get()).toMatchObject({ session: { name: "Desk" } });
  });
});

describe("presence", () => {
  it("is one subscription for all, and each watch sees its own users", async () => {
    const gh = await signedIn();
    const [f, g] = vector("presence.snapshot").users as [Presence, Presence];
    const both: Map<string, Presence>[] = [];
    const one: Map<string, Presence>[] = [];
    gh.presence.watch([f.user_id, g.user_id], (m) => both.push(m));
    gh.presence.watch([g.user_id], (m) => one.push(m));
    await pass(20);
    expect(subscriptions("presence").map((s) => s.user_ids)).toEqual([[f.user_id, g.user_id]]);
    hub.socket.say("presence.snapshot");
    expect([both.at(-1)?.size, one.at(-1)?.size]).toEqual([2, 1]);
    hub.socket.say("presence.changed");
    expect(one.at(-1)?.get(g.user_id)).toEqual({ user_id: g.user_id, online: true, last_seen_at: expect.any(String) });
    expect(both.at(-1)?.get(f.user_id)).toEqual(f);
  });

  it("is refused to who may not see it", async () => {
    const gh = await signedIn();
    const fail = vi.fn();
    hub.socket.acks = false;
    gh.presence.watch(["usr_2"], () => {}, fail);
    await pass(20);
    hub.socket.say("error", { re: hub.socket.last("subscribe")?.id, code: "forbidden" });
    await pass();
    expect(fail.mock.calls[0]?.[0]).toMatchObject({ code: "forbidden" });
  });
});

describe("messages", () => {
  it("come by name", async () => {
    const gh = await signedIn();
    const play = vi.fn();
    const stop = gh.messages.on("play", play);
    hub.socket.say("message");
    hub.socket.say("message by staff over HTTP");
    expect(play.mock.calls).toEqual([
      [vector("message").data, expect.objectContaining({ from: vector("message").from })],
    ]);
    stop();
    hub.socket.say("message");
    expect(play.mock.calls.length).toBe(1);
  });

  it("go out and are acked, or refused", async () => {
    const gh = await signedIn();
    await gh.messages.send({ to: "devices", name: "play", data: { n: 1 } });
    expect(hub.socket.last("message")).toEqual({
      type: "message",
      id: expect.any(String),
      to: "devices",
      name: "play",
      data: { n: 1 },
    });
    hub.socket.acks = false;
    const sent = gh.messages.send({ to: { user_id: "usr_2" }, name: "play" });
    hub.socket.say("error that asks for a factor", { re: hub.socket.last("message")?.id });
    expect(await refusal(sent)).toMatchObject({ code: "step_up_required", methods: ["totp", "passkey"] });
  });

  it("fail when there is no socket, when it closes, and when no answer comes", async () => {
    const away = tab();
    expect(await refusal(away.messages.send({ to: "devices", name: "x" }))).toMatchObject({ code: "disconnected" });
    away.dispose();
    const gh = await signedIn();
    hub.socket.acks = false;
    const first = refusal(gh.messages.send({ to: "devices", name: "x" }));
    await pass(10_000);
    expect(await first).toMatchObject({ code: "timeout" });
    const second = refusal(gh.messages.send({ to: "devices", name: "x" }));
    hub.socket.shut(1006);
    expect(await second).toMatchObject({ code: "disconnected" });
  });
});

describe("staff", () => {
  const row = (n: number): Members => ({
    ...phone,
    id: `ses_${n}`,
    user: { id: "usr_2", email: "bo@example.com", name: "Bo", roles: [] },
  });
  const say = ({ type, ...change }: Members) => hub.socket.say(type, change);
  const ready = () => vi.waitFor(() => expect(hub.socket.last("subscribe")).toBeDefined());

  it("see the first page, live, with the total of all that fit", async () => {
    const gh = await signedIn();
    const views: SessionsView[] = [];
    const stop = gh.admin.sessions.watch({ q: "bo", limit: 3 }, (view) => views.push(view));
    await ready();
    expect(hub.socket.last("subscribe")).toMatchObject({ feed: "sessions", q: "bo", limit: 3 });
    say({ type: "sessions.snapshot", seq: 1, sessions: [row(8), row(7), row(6)], total: 5000 });
    say({ type: "sessions.changed", seq: 2, change: "added", session: row(9) });
    expect([ids(views.at(-1)?.sessions), views.at(-1)?.total]).toEqual([["9", "8", "7"], 5001]);
    say({ type: "sessions.changed", seq: 3, change: "online", session: { ...row(1), online: true } });
    expect([ids(views.at(-1)?.sessions), views.at(-1)?.total]).toEqual([["9", "8", "7"], 5001]);
    say({ type: "sessions.changed", seq: 4, change: "removed", session: row(8) });
    say({ type: "sessions.changed", seq: 5, change: "removed", session: row(1) });
    expect([ids(views.at(-1)?.sessions), views.at(-1)?.total]).toEqual([["9", "7"], 4999]);
    expect(subscriptions("sessions").length).toBe(1);
    await pass(1020); // the page is filled again from what stood behind it
    expect(subscriptions("sessions").length).toBe(2);
    stop();
    await pass(100);
    expect(hub.socket.last("unsubscribe")).toMatchObject({ feed: "sessions" });
  });

  it("get only what answers their query", async () => {
    const gh = await signedIn();
    const old = vi.fn();
    const stop = gh.admin.sessions.watch({ q: "bo" }, old);
    await ready();
    say({ type: "sessions.snapshot", seq: 1, sessions: [row(8)], total: 1 });
    expect(old).toHaveBeenCalledTimes(1);
    stop();
    const fresh = vi.fn();
    gh.admin.sessions.watch({ q: "ada" }, fresh);
    await pass(50);
    expect(fresh).not.toHaveBeenCalled();
    expect(hub.socket.last("subscribe")).toMatchObject({ q: "ada" });
    say({ type: "sessions.snapshot", seq: 1, sessions: [], total: 0 });
    expect([old.mock.calls.length, fresh.mock.calls]).toEqual([
      1,
      [[expect.objectContaining({ sessions: [], total: 0 })]],
    ]);
  });

  it("follow audit and jobs, and hear of gaps", async () => {
    const gh = await signedIn();
    const events: Event[] = [];
    const jobs: Job[] = [];
    const gap = vi.fn();
    gh.admin.audit.watch((event) => events.push(event), gap);
    gh.admin.jobs.watch((job) => jobs.push(job));
    await ready();
    await pass(50);
    expect(gap).toHaveBeenCalledTimes(1);
    say({ type: "audit.added", event: { id: "aud_1", action: "session.ended" } });
    say({ type: "jobs.changed", job: { id: "job_1", state: "done" } });
    expect([events, jobs]).toEqual([[{ id: "aud_1", action: "session.ended" }], [{ id: "job_1", state: "done" }]]);
    hub.socket.shut(1006);
    await pass(400);
    expect(gap).toHaveBeenCalledTimes(2);
  });

  it("lose a feed with the role, and get it back with it", async () => {
    hub.roles = ["user", "moderator"];
    const gh = await signedIn();
    const fail = vi.fn();
    gh.admin.sessions.watch({}, () => {}, fail);
    await ready();
    hub.socket.say("error of a lost feed");
    expect(fail.mock.calls[0]?.[0]).toMatchObject({ code: "forbidden" });
    hub.socket.say("auth.changed", { roles: hub.roles });
    expect(subscriptions("sessions").length).toBe(2);
  });

  it("act: each call goes where the contract says", async () => {
    const gh = await signedIn();
    const seen: string[] = [];
    const proxy = new Proxy(
      {},
      {
        get: (_, op: string) =>
          op.includes("/admin/")
            ? (r: { operation: string; body: Members; query: URLSearchParams }) => {
                seen.push(
                  `${r.operation}${r.query.size ? `?${r.query}` : ""} ${Object.keys(r.body).length ? JSON.stringify(r.body) : ""}`.trim(),
                );
                return answer({});
              }
            : undefined,
      },
    );
    hub.handlers = proxy as typeof hub.handlers;
    const { admin } = gh;
    await admin.stats();
    await admin.sessions.list({ q: "a b" });
    await admin.sessions.end("ses/1", { reason: "lost", message: "call us" });
    await admin.users.list();
    await admin.users.get("usr_1");
    await admin.users.create({ email: "a@b.c", roles: ["admin"] });
    await admin.users.setRoles("usr_1", ["user"]);
    await admin.users.disable("usr_1", { reason: "x" });
    await admin.users.enable("usr_1");
    await admin.users.resetFactors("usr_1");
    await admin.users.endSessions("usr_1", { reason: "x" });
    await admin.users.message("usr_1", { name: "hi", data: 1 });
    await admin.users.remove("usr_1");
    await admin.jobs.list({ state: "dead" });
    await admin.jobs.retry("job_1");
    await admin.jobs.remove("job_1");
    await admin.audit.list({ action: "x" });
    expect(seen).toEqual([
      "GET /admin/stats",
      "GET /admin/sessions?q=a+b",
      "DELETE /admin/sessions/ses%2F1?reason=lost&message=call+us",
      "GET /admin/users",
      "GET /admin/users/usr_1",
      'POST /admin/users {"email":"a@b.c","roles":["admin"]}',
      'PUT /admin/users/usr_1/roles {"roles":["user"]}',
      'POST /admin/users/usr_1/disable {"reason":"x"}',
      "POST /admin/users/usr_1/enable",
      "POST /admin/users/usr_1/factors/reset",
      "DELETE /admin/users/usr_1/sessions?reason=x",
      'POST /admin/users/usr_1/messages {"name":"hi","data":1}',
      "DELETE /admin/users/usr_1",
      "GET /admin/jobs?state=dead",
      "POST /admin/jobs/job_1/retry",
      "DELETE /admin/jobs/job_1",
      "GET /admin/audit?action=x",
    ]);
  });
});
