import { readFileSync } from "node:fs";

/** The frames that the Go side reads too: by type, and variants by type and a remark. */
export const golden = JSON.parse(
  readFileSync(`${import.meta.dirname}/../../../hub/wire/testdata/frames.json`, "utf8"),
) as { server: Record<string, Members>; client: Record<string, Members> };

// biome-ignore lint/suspicious/noExplicitAny: frames of all kinds
export type Members = Record<string, any>;

/** A frame of the hub: a golden one, with members changed. */
export function vector(name: string, change: Members = {}): Members {
  const frame = golden.server[name];
  if (!frame) throw new Error(`no golden frame ${name}`);
  return { ...structuredClone(frame), ...change };
}

/** The devices of the golden snapshot. */
export const [laptop, phone] = vector("devices.snapshot").devices as [Members, Members];
