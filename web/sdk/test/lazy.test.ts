import { expect, it, vi } from "vitest";
import { extend, lazy } from "../src/lazy.js";
import { tab } from "./setup.js";

it("what is loaded later is nobody's promise, and can be passed on", async () => {
  const load = vi.fn(async () => ({ a: { b: async (n: number) => n + 1 } }));
  const later = lazy(load);
  expect(await Promise.resolve(later.a)).toBe(later.a);
  expect(later.a.b).toBe(later.a.b);
  expect(JSON.stringify({ later })).toBe("{}");
  expect(String(later.a)).toContain("function");
  expect(load).not.toHaveBeenCalled();
  expect(await later.a.b(1)).toBe(2);
  const gh = tab();
  expect(await Promise.resolve(gh.auth)).toBe(gh.auth);
});

it("a watch is stopped also before it was loaded", async () => {
  const stopped = vi.fn();
  const later = lazy(async () => ({ watch: (_: () => void) => stopped }));
  later.watch(() => {})();
  await vi.waitFor(() => expect(stopped).toHaveBeenCalledTimes(1));
});

it("what cannot be loaded rejects", async () => {
  const later = lazy<{ f(): Promise<void> }>(() => Promise.reject(new Error("no network")));
  await expect(later.f()).rejects.toThrow("no network");
});

it("an object keeps what it has", async () => {
  const both = extend(
    { mine: 1 },
    lazy(async () => ({ theirs: async () => 2 })),
  );
  expect([both.mine, await both.theirs()]).toEqual([1, 2]);
});
