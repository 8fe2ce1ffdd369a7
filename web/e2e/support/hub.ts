import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Relay } from "./relay";

export const password = "seven green herons";

export interface Person {
  id: string;
  email: string;
  name: string;
}

export type Settings = Record<string, string>;

interface Options {
  settings?: Settings;
  /** Puts a wire before it, which can be cut. */
  wired?: boolean;
}

let people = 0;

/** One `gatehouse serve`, with its SQLite file in a folder of its own. */
export class Hub {
  readonly folder = mkdtempSync(join(tmpdir(), "gatehouse-hub-"));
  readonly relay: Relay | undefined;
  readonly url: string;
  log = "";
  #port: number;
  #settings: Settings;
  #process: ChildProcess | undefined;

  private constructor(port: number, relay: Relay | undefined, settings: Settings) {
    this.#port = port;
    this.relay = relay;
    this.url = `http://localhost:${relay?.port ?? port}`;
    this.#settings = settings;
  }

  static async start({ settings = {}, wired }: Options = {}): Promise<Hub> {
    const port = await freePort();
    const hub = new Hub(port, wired ? await Relay.open(() => port) : undefined, settings);
    await hub.begin();
    return hub;
  }

  #environment(): NodeJS.ProcessEnv {
    const settings: Settings = {
      LISTEN: `127.0.0.1:${this.#port}`,
      PUBLIC_URL: this.url,
      STORE: `sqlite:${join(this.folder, "gatehouse.db")}`,
      MAIL_DIR: join(this.folder, "mail"),
      RATE_LIMITS: "off",
      DRAIN_WINDOW: "1s",
      ...this.#settings,
    };
    const env: NodeJS.ProcessEnv = { PATH: process.env.PATH, HOME: this.folder };
    for (const [name, value] of Object.entries(settings)) env[`GATEHOUSE_${name}`] = value;
    return env;
  }

  /** Starts the process and waits until it is ready. */
  async begin(): Promise<void> {
    const child = spawn(binary(), ["serve"], { env: this.#environment(), cwd: this.folder });
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (text) => (this.log += text));
    const deadline = Date.now() + 20_000;
    while (!(await this.#ready())) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`The hub does not start:\n${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  async #ready(): Promise<boolean> {
    try {
      return (await fetch(`http://127.0.0.1:${this.#port}/readyz`)).ok;
    } catch {
      return false;
    }
  }

  /** Ends the process: in good order, or not. */
  async end(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode) return;
    child.kill(signal);
    await once(child, "exit");
  }

  async close(): Promise<void> {
    await this.end("SIGKILL");
    this.relay?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Runs the program on the same store, as an operator does. */
  shell(args: string[], input = ""): string {
    return execFileSync(binary(), args, { env: this.#environment(), cwd: this.folder, input, encoding: "utf8" });
  }

  /** Makes an account with the password that all have here. */
  person(name = "Ada Lovelace", role = "user"): Person {
    const local = name
      .toLowerCase()
      .replaceAll(/[^a-z]+/g, ".")
      .slice(0, 20);
    const email = `${local}.${++people}@example.com`;
    const args = ["user", "create", "--email", email, "--name", name, "--role", role, "--password-stdin"];
    const [id = ""] = this.shell(args, `${password}\n`).split(" ");
    return { id, email, name };
  }

  /** A sign-in without a browser, as a native client makes it. */
  async signIn({ email }: Person, name = "Native client"): Promise<Native> {
    const got = await this.call<SignedIn>("POST /auth/login", {
      body: { email, password, transport: "body", device_name: name },
    });
    return { token: got.access_token, refreshToken: got.refresh_token, session: got.session.id };
  }

  /** Signs out the person's only other session, as one does from one's list of devices. */
  async endOther({ token }: Native): Promise<void> {
    const { sessions } = await this.call<{ sessions: { id: string; current: boolean }[] }>("GET /auth/sessions", {
      token,
    });
    const [other, ...more] = sessions.filter((s) => !s.current);
    if (!other || more.length > 0) throw new Error(`${sessions.length} sessions instead of two`);
    await this.call(`DELETE /auth/sessions/${other.id}`, { token });
  }

  async call<T = unknown>(operation: string, { body, token }: { body?: object; token?: string } = {}): Promise<T> {
    const response = await this.ask(operation, { body, token });
    const text = await response.text();
    if (!response.ok) throw new Error(`${operation}: ${response.status} ${text}`);
    return (text ? JSON.parse(text) : undefined) as T;
  }

  /** The answer, whatever it is. */
  ask(operation: string, { body, token }: { body?: object; token?: string } = {}): Promise<Response> {
    const [method, path] = operation.split(" ");
    const headers: Record<string, string> = {};
    if (body) headers["Content-Type"] = "application/json";
    if (token) headers.Authorization = `Bearer ${token}`;
    return fetch(`http://127.0.0.1:${this.#port}${path}`, { method, headers, body: body && JSON.stringify(body) });
  }
}

export interface Native {
  token: string;
  refreshToken: string;
  session: string;
}

interface SignedIn {
  access_token: string;
  refresh_token: string;
  session: { id: string };
}

function binary(): string {
  const path = process.env.GATEHOUSE_BINARY;
  if (!path) throw new Error("GATEHOUSE_BINARY is not set");
  return path;
}

/** A port that was free a moment ago: the public URL has to be known before the hub listens. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
