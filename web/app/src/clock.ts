import type { Client } from "@gatehouse/client";

/**
 * The hub's time. People's clocks lie, sometimes by hours, and "last active in 58 minutes" helps nobody: the Date of
 * an answer says how far off this one is.
 */
let offset = 0;

export const now = () => Date.now() + offset;

export async function setClock(client: Client): Promise<void> {
  const sent = Date.now();
  try {
    const answer = await client.fetch("/healthz");
    const off = Date.parse(answer.headers.get("Date") ?? "") - (sent + Date.now()) / 2;
    await answer.text(); // an answer that nobody reads counts as aborted
    // Date has whole seconds, so a clock that is about right is better left alone.
    if (!Number.isNaN(off)) offset = Math.abs(off) < 5000 ? 0 : off;
  } catch {} // no hub, no times to show
}
