import type { Page } from "@playwright/test";
import { expect, momentOf, opened, password, report, test, typeSignIn } from "../support/test";

const down = /ERR_|WebSocket connection|Failed to load resource/;
const banner = (page: Page) => page.getByRole("status").getByText("Reconnecting…");

test("16 ten seconds offline are shown, and made up for", async ({ device, hub, allow }) => {
  allow(down);
  const ada = hub.person();
  const { context, page, rows } = await device(ada);
  await expect(rows).toHaveCount(1);
  const shown = await momentOf(page, "Reconnecting…");
  const cut = Date.now();
  await context.setOffline(true);
  const took = (await shown()) - cut;
  report("16 offline to banner", [took]);
  expect(took).toBeLessThan(1000);
  await hub.signIn(ada, "Kitchen radio");
  await page.waitForTimeout(10_000 - (Date.now() - cut));
  await expect(rows).toHaveCount(1);
  const back = await momentOf(page, "Kitchen radio");
  const joined = Date.now();
  await context.setOffline(false);
  const until = (await back()) - joined;
  report("16 online to list", [until]);
  expect(until).toBeLessThan(3000);
  await expect(banner(page)).toHaveCount(0);
});

test("17 a socket that died in its sleep is replaced when the tab is looked at", async ({ device, another, allow }) => {
  allow(down);
  const hub = await another({ wired: true });
  const ada = hub.person();
  const { page, rows } = await device(ada, { hub });
  await expect(rows).toHaveCount(1);
  const wake = async (name: string) => {
    const back = await momentOf(page, name);
    const looked = Date.now();
    await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    return (await back()) - looked;
  };
  hub.relay?.freeze("sockets");
  const { token, session } = await hub.signIn(ada, "Kitchen radio");
  const once = await wake("Kitchen radio");
  report("17 dead socket to list", [once]);
  expect(once).toBeLessThan(4000);

  await hub.call(`PATCH /auth/sessions/${session}`, { token, body: { name: "Garage" } });
  await expect(rows.nth(1)).toContainText("Garage");
  hub.relay?.freeze("all");
  await hub.call(`PATCH /auth/sessions/${session}`, { token, body: { name: "Attic" } });
  const twice = await wake("Attic");
  report("17 all connections dead to list", [twice]);
  expect(twice).toBeLessThan(30_000);
});

test("18 a restart of the hub signs nobody out and is followed by no storm", async ({ device, another, allow }) => {
  allow(down);
  const hub = await another({});
  const ada = hub.person();
  const devices = [await device(ada, { hub }), await device(ada, { hub }), await device(ada, { hub })];
  for (const { rows } of devices) await expect(rows).toHaveCount(3);
  const now = () => Promise.all(devices.map(({ page }) => page.evaluate(() => performance.now())));
  const began = await now();
  await hub.end();
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await hub.begin();
  const up = Date.now();
  for (const { page } of devices)
    await expect(page.getByText("Live", { exact: true })).toBeVisible({ timeout: 10_000 - (Date.now() - up) });
  report("18 restart to live", [Date.now() - up]);
  for (const { rows } of devices) {
    await expect(rows).toHaveCount(3);
    await expect(rows.getByText("Online")).toHaveCount(3);
  }
  const tries = await Promise.all(
    devices.map(async ({ page }, i) => (await opened(page)).map((at) => at - (began[i] ?? 0)).filter((at) => at > 0)),
  );
  for (const mine of tries) expect(mine.filter((at) => at < 3000).length).toBeLessThanOrEqual(12);
  const lasts = tries.map((mine) => Math.round(mine.at(-1) ?? 0));
  expect(new Set(lasts).size, `tries at ${JSON.stringify(tries)}`).toBe(3);
});

test("19 the page opens one socket and refreshes once", async ({ device, hub }) => {
  const ada = hub.person();
  const { page, rows } = await device(ada);
  await expect(rows).toHaveCount(1);
  const calls: string[] = [];
  page.on("request", (request) => calls.push(new URL(request.url()).pathname));
  await page.reload();
  await expect(rows).toHaveCount(1);
  await page.getByRole("link", { name: "Security" }).click();
  await page.getByRole("link", { name: "Devices", exact: true }).click();
  await expect(rows).toHaveCount(1);
  expect(await opened(page)).toHaveLength(1);
  expect(calls.filter((path) => path === "/auth/refresh")).toHaveLength(1);
});

test("30 a hub that dies in the middle leaves the row, says so, and no secret lies about", async ({
  device,
  another,
  allow,
}) => {
  allow(down);
  const hub = await another({ settings: { LOG_LEVEL: "debug" } });
  const ada = hub.person();
  const secrets = new Set<string>();
  const { context, page, rows, row } = await device(undefined, { hub });
  context.on("request", (request) => {
    const bearer = request.headers().authorization;
    if (bearer) secrets.add(bearer.replace("Bearer ", ""));
  });
  const said: string[] = [];
  context.on("console", (message) => said.push(message.text()));
  await page.goto("/login");
  await typeSignIn(page, ada);
  await expect(rows).toHaveCount(1);
  await hub.signIn(ada, "Kitchen radio");
  await expect(rows).toHaveCount(2);
  await page.getByRole("link", { name: "Activity" }).click();
  await page.getByRole("link", { name: "Devices", exact: true }).click();
  const radio = row("Kitchen radio");
  const out = radio.getByRole("button", { name: /^Sign out/ });
  await expect(out).toBeVisible();
  for (const cookie of await context.cookies()) secrets.add(cookie.value);

  await hub.end("SIGKILL");
  await out.click();
  await expect(radio.getByRole("alert")).toContainText("Not signed out. Can't reach the hub.");
  await expect(out).toBeEnabled();
  await hub.begin();
  await expect(banner(page)).toHaveCount(0, { timeout: 10_000 });
  await radio.getByRole("button", { name: "Try again" }).click();
  await expect(rows).toHaveCount(1);

  for (const cookie of await context.cookies()) secrets.add(cookie.value);
  expect(secrets.size).toBeGreaterThanOrEqual(2); // of both kinds
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  for (const [where, text] of Object.entries({
    address: page.url(),
    storage: kept,
    page: await page.content(),
    console: said.join("\n"),
    log: hub.log,
  }))
    for (const secret of [...secrets, password]) expect(text.includes(secret), `a secret in the ${where}`).toBe(false);
});
