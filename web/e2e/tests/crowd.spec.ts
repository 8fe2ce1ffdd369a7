import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Hub } from "../support/hub";
import { expect, percentile, report, test } from "../support/test";

interface Seeded {
  session_id: string;
  access_token: string;
}

/** Renames sessions, fifty times a second, until it is told to stop. */
function busy(hub: Hub, sessions: Seeded[]): () => Promise<number> {
  let [sent, stopped] = [0, false];
  const under = new Set<Promise<unknown>>();
  const began = performance.now();
  const run = (async () => {
    while (!stopped) {
      for (; sent < (performance.now() - began) / 20; sent++) {
        const { session_id, access_token } = sessions[sent % sessions.length] as Seeded;
        const body = { name: `Device ${sent}` };
        const call = hub.call(`PATCH /auth/sessions/${session_id}`, { token: access_token, body });
        under.add(call);
        call.finally(() => under.delete(call)).catch(() => {});
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  return async () => {
    stopped = true;
    await run;
    await Promise.allSettled(under);
    return (sent / (performance.now() - began)) * 1000;
  };
}

test("29 five thousand live rows, fifty changes a second", async ({ device, another }) => {
  const hub = await another({});
  const admin = hub.person("Grace Hopper", "admin");
  const file = join(hub.folder, "seed");
  hub.shell(["seed", "--users", "5000", "--sessions-per-user", "1", "--out", file]);
  const lines = readFileSync(file, "utf8").trim().split("\n");
  const newest = lines.slice(-50).map((line) => JSON.parse(line) as Seeded);
  const { page } = await device(admin, { hub, at: "/staff/sessions?q=seed" });
  await expect(page.getByText("5,000 sessions found, live")).toBeVisible();
  const rows = page.locator("tbody tr");
  await expect(rows).toHaveCount(50);

  const stop = busy(hub, newest);
  await expect(rows.getByText(/^Device \d/).first()).toBeVisible();
  const frames = await page.evaluate(
    () =>
      new Promise<number[]>((resolve) => {
        const times: number[] = [];
        let last = performance.now();
        const began = last;
        const tick = () => {
          const now = performance.now();
          times.push(now - last);
          last = now;
          if (now - began < 5000) requestAnimationFrame(tick);
          else resolve(times);
        };
        requestAnimationFrame(tick);
      }),
  );
  report("29 frames", frames);

  await page.getByRole("button", { name: "Pause" }).click();
  await expect(page.getByText(/[1-9]\d* changes waiting/)).toBeVisible();
  const before = await rows.allTextContents();
  await page.waitForTimeout(1000);
  expect(await rows.allTextContents()).toEqual(before);
  await page.getByRole("button", { name: "Resume" }).click();
  await expect.poll(async () => (await rows.allTextContents()).join() === before.join()).toBe(false);
  const rate = await stop();
  console.log(`    29 changes sent: ${rate.toFixed(0)} a second`);

  const search = page.getByRole("searchbox", { name: "Search sessions" });
  await search.fill("grace");
  await expect(page).toHaveURL("/staff/sessions?q=grace");
  await expect(rows).toHaveCount(1);
  await page.reload();
  await expect(search).toHaveValue("grace");
  await expect(rows).toHaveCount(1);
  expect(percentile(frames, 95)).toBeLessThan(50);
});
