import { afterEach, beforeEach, expect, vi } from "vitest";
import { type Client, createGatehouse, type GatehouseError } from "../src/index.js";
import { browser, Hub, url } from "./hub.js";

export let hub: Hub;
let clients: Client[] = [];

beforeEach(() => {
  browser();
  hub = new Hub();
});

afterEach(() => {
  for (const client of clients) client.dispose();
  clients = [];
  location.hash = "";
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.useRealTimers();
  expect(hub.complaints).toEqual([]);
});

/** One more tab. */
export function tab(): Client {
  const client = createGatehouse({ url });
  clients.push(client);
  return client;
}

/** A tab of a browser that is signed in, with its socket open. */
export async function signedIn(): Promise<Client> {
  if (!hub.cookie) hub.remember();
  const client = tab();
  await vi.waitFor(() => {
    if (client.socket.state.get() !== "open") throw new Error(client.socket.state.get());
  });
  return client;
}

/** The error that a promise rejects with. */
export async function refusal(promise: Promise<unknown>): Promise<GatehouseError> {
  try {
    await promise;
  } catch (error) {
    return error as GatehouseError;
  }
  throw new Error("it was not refused");
}

/** Every state that a tab went through. */
export function history(client: Client): string[] {
  const seen = [client.auth.state.get().status as string];
  client.auth.state.subscribe(() => seen.push(client.auth.state.get().status));
  return seen;
}
