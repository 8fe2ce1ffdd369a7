import type { Page } from "@playwright/test";
import { expect, test, typeSignIn } from "../support/test";

const refreshes = (page: Page) => {
  const seen: number[] = [];
  page.on("request", (request) => {
    if (request.url().endsWith("/auth/refresh")) seen.push(Date.now());
  });
  return seen;
};

test("11 five tabs with a token that expires refresh it once or twice, and stay signed in", async ({
  device,
  another,
}) => {
  const hub = await another({ settings: { ACCESS_TTL: "12s" } });
  const ada = hub.person();
  const { context, page, rows } = await device(ada, { hub });
  const pages = [page];
  while (pages.length < 5) pages.push(await context.newPage());
  await Promise.all(pages.slice(1).map((tab) => tab.goto("/profile")));
  await expect(rows).toContainText("5 tabs");
  const counts = pages.map(refreshes);
  const all = () => counts.flat().length;
  await expect.poll(all, { timeout: 15_000 }).toBeGreaterThan(0);
  await page.waitForTimeout(3000); // until after the first token has expired
  expect(all()).toBeLessThanOrEqual(2);
  for (const tab of pages) await expect(tab.getByText("Live", { exact: true })).toBeVisible();
  await expect(rows).toContainText("5 tabs");
});

test("13 an answer to a refresh that is lost signs nobody out", async ({ device, another, allow }) => {
  allow(/ERR_EMPTY_RESPONSE|ERR_CONNECTION/);
  const hub = await another({ wired: true });
  const ada = hub.person();
  const { page, rows } = await device(ada, { hub });
  await expect(rows).toHaveCount(1);
  for (const times of [1, 2]) {
    const lost = hub.relay?.lose("POST /auth/refresh", times);
    await page.reload();
    await lost;
    await expect(rows).toHaveCount(1, { timeout: 10_000 });
    await expect(page.getByText("Live", { exact: true })).toBeVisible();
  }
});

for (const hours of [-1, 1])
  test(`15 a clock that is ${hours > 0 ? "an hour fast" : "an hour slow"} disturbs nothing`, async ({
    device,
    hub,
  }) => {
    const ada = hub.person();
    const { context, page, rows, row } = await device();
    await context.addInitScript((off) => {
      const Real = Date;
      const now = () => Real.now() + off;
      window.Date = new Proxy(Real, {
        construct: (of, args) => (args.length ? Reflect.construct(of, args) : new of(now())),
        get: (of, name) => (name === "now" ? now : Reflect.get(of, name)),
      });
    }, hours * 3_600_000);
    await page.goto("/login");
    const seen = refreshes(page);
    await typeSignIn(page, ada);
    await expect(rows).toHaveCount(1);
    await hub.signIn(ada, "Kitchen radio");
    await expect(row("Kitchen radio")).toContainText("Last active just now");
    await page.getByRole("link", { name: "Activity" }).click();
    await expect(page.getByText("Signed in").first()).toBeVisible();
    await page.reload();
    await expect(page.getByText("Signed in").first()).toBeVisible();
    await page.goto("/");
    await expect(row("Kitchen radio")).toContainText("Last active just now");
    await page.waitForTimeout(1000);
    expect(seen.length).toBeLessThanOrEqual(2); // one for each load
  });
