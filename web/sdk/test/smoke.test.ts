// @vitest-environment node
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import {
  type Client,
  createGatehouse,
  type Ended,
  type Presence,
  type Session,
  type SessionsView,
} from "../src/index.js";

// Against the real hub: GATEHOUSE_BIN=/path/to/gatehouse npm test

const bin = process.env.GATEHOUSE_BIN;
const home = "http://localhost:8080"; // the default public URL, whose origin is the one allowed

let hub: ChildProcess;
let port: string;
let setup: string; // token of the set-up link
const data = mkdtempSync(join(tmpdir(), "gatehouse-"));
const jars = new Map<string, string>(); // cookie by origin: two names of one hub are two browsers

async function browse(to: string | URL, init: RequestInit = {}): Promise<Response> {
  const { origin } = new URL(to);
  const headers = new Headers(init.headers);
  if (init.method !== "GET") headers.set("Origin", home);
  const cookie = jars.get(origin);
  if (cookie) headers.set("Cookie", cookie);
  const response = await globalFetch(to, { ...init, headers });
  for (const set of response.headers.getSetCookie()) jars.set(origin, set.split(";")[0] ?? "");
  return response;
}
const globalFetch = globalThis.fetch;

class Socket extends WebSocket {
  constructor(to: string, protocols: string[]) {
    super(to, protocols, { origin: home, perMessageDeflate: false });
  }
}

const until = (holds: () => unknown) =>
  vi.waitFor(() => expect(holds()).toBeTruthy(), { timeout: 10_000, interval: 5 });

describe.skipIf(!bin)("with the real hub", () => {
  let a: Client;
  let b: Client;

  beforeAll(async () => {
    const storage = new Map<string, string>();
    vi.stubGlobal("window", new EventTarget());
    vi.stubGlobal("location", { origin: home, hash: "", pathname: "/", search: "" });
    vi.stubGlobal("document", { hidden: false });
    vi.stubGlobal("localStorage", {
      getItem: (key: string) => storage.get(key) ?? null,
      setItem: (key: string, value: string) => storage.set(key, value),
      removeItem: (key: string) => storage.delete(key),
    });
    vi.stubGlobal("fetch", browse);
    vi.stubGlobal("WebSocket", Socket);
    hub = spawn(bin as string, ["serve"], {
      cwd: data,
      env: { PATH: process.env.PATH, GATEHOUSE_LISTEN: "127.0.0.1:0", GATEHOUSE_DRAIN_WINDOW: "1s" },
    });
    let said = "";
    const hear = (text: Buffer) => {
      said += text;
    };
    hub.stderr?.on("data", hear);
    hub.stdout?.on("data", hear);
    const find = (what: RegExp) => what.exec(said)?.[1] ?? "";
    await until(() => find(/listen=127\.0\.0\.1:(\d+)/) && find(/setup#token=(\S+)/));
    port = find(/listen=127\.0\.0\.1:(\d+)/);
    setup = find(/setup#token=(\S+)/);
    a = createGatehouse({ url: `http://127.0.0.1:${port}` });
    b = createGatehouse({ url: `http://localhost:${port}` });
  }, 20_000);

  afterAll(async () => {
    a?.dispose();
    b?.dispose();
    const ended = new Promise((resolve) => hub?.once("exit", resolve));
    hub?.kill("SIGTERM");
    if (hub) await ended;
    rmSync(data, { recursive: true, force: true });
    vi.unstubAllGlobals();
  }, 20_000);

  const credentials = { email: "ada@example.com", password: "correct horse battery" };

  it("signs up, sees two devices live, and ends one", async () => {
    expect(await a.auth.signUp({ ...credentials, name: "Ada" })).toBe("signed_in");
    await until(() => a.socket.state.get() === "open");
    let devices: Session[] = [];
    a.sessions.watch((list) => {
      devices = list;
    });
    await until(() => devices.length === 1 && devices[0]?.current);

    await b.auth.signIn.password(credentials);
    await until(() => devices.length === 2 && devices[1]?.online);
    const forced = new Promise<Ended>((resolve) => b.auth.onForcedLogout(resolve));

    const other = devices.find((d) => !d.current) as Session;
    await a.sessions.rename(other.id, "Kitchen");
    await until(() => devices[1]?.name === "Kitchen");
    const at = performance.now();
    await a.sessions.revoke(other.id);
    const ended = await forced;
    console.log(`from call to onForcedLogout: ${Math.round(performance.now() - at)} ms`);
    expect(ended).toMatchObject({ reason: "session_revoked", by: { kind: "user" } });
    expect(b.auth.state.get()).toEqual({ status: "signed_out", reason: ended });
    await until(() => devices.length === 1);
    expect(await b.auth.getToken()).toBeNull();
  }, 20_000);

  it("shows staff everybody's sessions live, and kicks", async () => {
    await b.auth.setup({ token: setup, email: "grace@example.com", password: "correct horse battery", name: "Grace" });
    await until(() => b.socket.state.get() === "open");
    let view: SessionsView = { sessions: [], total: 0 };
    const acts: string[] = [];
    b.admin.sessions.watch({}, (next) => {
      view = next;
    });
    b.admin.audit.watch((event) => acts.push(event.action));
    await until(() => view.total === 2 && view.sessions.some((s) => s.user?.email === credentials.email && s.online));
    let seen: Presence | undefined;
    const ada = view.sessions.find((s) => s.user?.email === credentials.email) as Session;
    b.presence.watch([ada.user_id], (users) => {
      seen = users.get(ada.user_id);
    });
    await until(() => seen?.online);

    const forced = new Promise<Ended>((resolve) => a.auth.onForcedLogout(resolve));
    await b.admin.sessions.end(ada.id, { reason: "test", message: "Call us" });
    expect(await forced).toMatchObject({ reason: "kicked", by: { kind: "admin", name: "Grace" }, message: "Call us" });
    await until(() => view.total === 1 && !seen?.online && acts.includes("session.ended"));
    await a.auth.signIn.password(credentials);
    await until(() => view.total === 2 && a.socket.state.get() === "open");
  }, 20_000);

  it("goes on with a session, refreshes in band, and signs out", async () => {
    const token = await a.auth.getToken();
    const again = createGatehouse({ url: `http://127.0.0.1:${port}/` });
    await until(() => again.socket.state.get() === "open");
    expect(await again.auth.getToken()).not.toBe(token);
    expect(await a.auth.getToken()).toBe(await again.auth.getToken());
    expect(a.socket.state.get()).toBe("open");
    expect(await a.call("GET /auth/me")).toMatchObject({ email: "ada@example.com" });
    const started = createGatehouse({ url: `http://127.0.0.1:${port}` });
    await again.auth.signOut();
    await until(() => a.auth.state.get().status === "signed_out" && started.auth.state.get().status === "signed_out");
    expect(a.auth.state.get()).toEqual({ status: "signed_out", reason: "signed_out" });
    again.dispose();
    started.dispose();
  }, 20_000);
});
