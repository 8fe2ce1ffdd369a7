import type { Page } from "@playwright/test";
import { enter, expect, momentOf, press, report, test, typeSignIn } from "../support/test";

test("08 a reload shows nothing of the sign-in page", async ({ device, hub }) => {
  const ada = hub.person();
  const { context, page, rows } = await device(ada);
  await expect(rows).toHaveCount(1);
  await context.addInitScript(() => {
    const seen: string[] = [];
    Object.assign(window, { seen });
    const look = () => {
      const heading = document.querySelector("h1")?.textContent ?? "";
      if (/^(Sign in|You were signed out)$/.test(heading) || location.pathname === "/login") seen.push(heading);
      requestAnimationFrame(look);
    };
    look();
    new MutationObserver(look).observe(document, { subtree: true, childList: true });
  });
  for (const path of ["/", "/profile", "/security"]) {
    await page.goto(path);
    await expect(page.getByRole("button", { name: /^Account/ })).toBeVisible();
    const seen = await page.evaluate(() => (window as unknown as { seen: string[] }).seen);
    expect(seen).toEqual([]);
  }
});

test("09 staff pages are closed to users", async ({ device, hub }) => {
  const ada = hub.person();
  const { page } = await device(ada, { at: "/staff/users" });
  const scripts: string[] = [];
  page.on("request", (request) => scripts.push(request.url()));
  for (const path of ["/staff", "/staff/sessions", "/staff/audit"]) {
    await page.goto(path);
    await expect(page.getByRole("heading", { name: "This part is for staff" })).toBeVisible();
    await expect(page.getByRole("link", { name: "Sessions" })).toHaveCount(0);
  }
  expect(scripts.filter((url) => /\/admin\/|Staff-/.test(url))).toEqual([]);
});

test("10 after signing in one is where one wanted to be, and nowhere else", async ({ device, hub }) => {
  const ada = hub.person();
  const { page } = await device();
  await page.goto("/activity?from=mail");
  await expect(page).toHaveURL("/login?next=/activity%3Ffrom%3Dmail");
  await typeSignIn(page, ada);
  await expect(page).toHaveURL("/activity?from=mail");
  for (const [next, there] of [
    ["/security", "/security"],
    ["//evil.example/x", "/"],
    ["/\\evil.example", "/"],
    ["https://evil.example/", "/"],
    ["javascript:alert(1)", "/"],
    ["/login?next=/profile", "/"],
  ] as const) {
    await page.goto(`/login?next=${encodeURIComponent(next)}`);
    await expect(page).toHaveURL(there);
    await expect(page.getByRole("navigation", { name: "Main" })).toBeVisible();
  }
});

test("12 a sign-out in one tab is one in all, and Back shows nothing", async ({ device, hub }) => {
  const ada = hub.person("Private Person");
  const { context, page } = await device(ada);
  await page.getByRole("link", { name: "Profile" }).click();
  await expect(page).toHaveURL("/profile");
  const others: Page[] = [];
  for (const path of ["/", "/security"]) {
    const tab = await context.newPage();
    await tab.goto(path);
    await expect(tab.getByRole("button", { name: /^Account/ })).toBeVisible();
    others.push(tab);
  }
  const moments = await Promise.all(others.map((tab) => momentOf(tab, "You signed out.")));
  await page.getByRole("button", { name: /^Account/ }).click();
  const sent = await press(page.getByRole("button", { name: "Sign out", exact: true }));
  const times = (await Promise.all(moments.map((moment) => moment()))).map((at) => at - sent);
  report("12 sign-out to other tabs", times);
  expect(Math.max(...times)).toBeLessThan(200);
  await expect(page).toHaveURL("/login");
  await page.goBack();
  await expect(page.getByRole("button", { name: "Sign in", exact: true })).toBeVisible();
  for (const tab of [page, ...others]) {
    await expect(tab).toHaveURL(/\/login/);
    await expect(tab.locator("body")).not.toContainText("Private Person");
    expect(await tab.content()).not.toContain(ada.email);
  }
});

test("14 an old refresh token that comes again ends the session, and staff see why", async ({ device, hub, allow }) => {
  allow(/401/);
  const admin = hub.person("Grace Hopper", "admin");
  const ada = hub.person();
  const { context, page, rows } = await device(ada);
  await expect(rows).toHaveCount(1);
  const [old] = await context.cookies();
  const refresh = () =>
    page.evaluate(async () => (await fetch("/auth/refresh", { method: "POST", credentials: "include" })).status);
  expect([await refresh(), await refresh(), await refresh()]).toEqual([200, 200, 200]);
  const stolen = await fetch(`${hub.url}/auth/refresh`, {
    method: "POST",
    headers: { Origin: hub.url, Cookie: `${old?.name}=${old?.value}` },
  });
  expect(stolen.status).toBe(401);
  await expect(page.getByRole("heading", { name: "You were signed out" })).toBeVisible();
  await expect(page.getByText(/for your security/)).toBeVisible();
  const staff = await device(admin, { at: "/staff/audit" });
  await expect(staff.page.getByRole("row").filter({ hasText: "old token reused" }).first()).toBeVisible();
});

test("24 a wrong password, an unknown address, and too many of both", async ({ device, another, allow }) => {
  allow(/401/, /429/);
  const hub = await another({ settings: { RATE_LIMITS: "on" } });
  const ada = hub.person();
  const { page } = await device(undefined, { at: "/login", hub });
  const told = page.getByRole("alert");
  const same = "That e-mail address and password don't match.";
  await typeSignIn(page, { email: "nobody.at.all@example.com" }, "wrong password");
  await expect(told).toHaveText(same);
  await page.reload();
  await typeSignIn(page, ada, "wrong password");
  await expect(told).toHaveText(same);
  await expect(page.getByLabel("E-mail")).toHaveValue(ada.email);
  const button = page.getByRole("button", { name: "Sign in", exact: true });
  for (let i = 0; i < 5 && (await button.isEnabled()); i++) {
    const answered = page.waitForResponse("**/auth/login");
    await page.getByRole("textbox", { name: "Password" }).fill(`wrong password ${i}`);
    await button.click();
    await answered;
    await expect(told).toBeVisible();
  }
  await expect(told).toContainText("Too many attempts. Try again in");
  await expect(button).toBeDisabled();
  const left = async () => /\((\d+):(\d\d)\)/.exec((await told.textContent()) ?? "");
  const first = await left();
  await expect.poll(async () => (await left())?.[0]).not.toBe(first?.[0]);
  expect(first).not.toBeNull();
});

test("12b signing in when somebody else was signed in shows nothing of them", async ({ device, hub }) => {
  const [ada, eve] = [hub.person("Ada Lovelace"), hub.person("Eve Moneypenny")];
  const { context, page, rows } = await device(ada);
  await expect(rows).toHaveCount(1);
  await page.getByRole("button", { name: /^Account/ }).click();
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await expect(page).toHaveURL("/login");
  await enter(context, hub, eve);
  await typeSignIn(page, eve);
  await expect(page.getByRole("button", { name: /^Account/ })).toContainText("Eve Moneypenny");
  await expect(page.locator("body")).not.toContainText(ada.email);
});
