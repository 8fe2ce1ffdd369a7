import type { AddressInfo } from "node:net";
import { connect, createServer, type Server, type Socket } from "node:net";

interface Pair {
  near: Socket;
  far: Socket;
  /** Whether it has become a WebSocket. */
  live: boolean;
}

/** A wire between browser and hub that can be cut, or go silent without being cut. */
export class Relay {
  #pairs = new Set<Pair>();
  #server: Server;
  #swallow: { call: string; times: number; done: () => void } | undefined;
  #dark = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens on a port that the kernel chooses. The hub's port may be told later. */
  static async open(target: () => number): Promise<Relay> {
    const server = createServer({ noDelay: true });
    const relay = new Relay(server);
    server.on("connection", (near) => relay.#join(near, target()));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #join(near: Socket, port: number) {
    if (this.#dark) return near.destroy();
    const far = connect({ port, host: "127.0.0.1", noDelay: true });
    const pair: Pair = { near, far, live: false };
    this.#pairs.add(pair);
    const end = () => {
      this.#pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const side of [near, far]) side.on("error", end).on("close", end);
    near.on("data", (bytes) => {
      pair.live ||= bytes.includes("GET /ws ");
      this.#watch(pair, bytes);
      far.write(bytes);
    });
    far.on("data", (bytes) => near.write(bytes));
  }

  /** The call gets to the hub, and its answer to nobody. */
  #watch({ near, far }: Pair, bytes: Buffer) {
    const lost = this.#swallow;
    if (!lost?.times || !bytes.includes(lost.call)) return;
    lost.times--;
    far.removeAllListeners("data");
    far.once("data", () => {
      near.destroy();
      lost.done();
    });
  }

  /** Loses the answers to the next calls that begin like this. Resolves when they are lost. */
  lose(call: string, times = 1): Promise<void> {
    return new Promise((resolve) => {
      this.#swallow = { call, times, done: () => this.#swallow?.times === 0 && resolve() };
    });
  }

  /** The WebSockets stay connected, and nothing gets through them any more; with "all" that is so for each connection. */
  freeze(which: "sockets" | "all") {
    for (const { near, far, live } of this.#pairs) {
      if (!live && which === "sockets") continue;
      near.removeAllListeners("data").resume();
      far.removeAllListeners("data").resume();
    }
  }

  cut() {
    for (const { near, far } of this.#pairs) {
      near.resetAndDestroy();
      far.destroy();
    }
  }

  /** Nobody is let in while it is dark. */
  dark(on: boolean) {
    this.#dark = on;
    if (on) this.cut();
  }

  close() {
    this.cut();
    this.#server.close();
  }
}
