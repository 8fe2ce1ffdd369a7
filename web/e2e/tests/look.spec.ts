import type { Page } from "@playwright/test";
import { shot, sideways, violations } from "../support/look";
import { account, outside, scenes, staff, type View, visit } from "../support/pages";
import { expect, momentOf, password, test, typeSignIn } from "../support/test";

const refusals = /401|404|410|422/; // that some views come from
const still = { reducedMotion: "reduce" } as const;

/** Looks at a page in both themes. */
async function inBothThemes(page: Page, name: string): Promise<string[]> {
  const found: string[] = [];
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, ...still });
    await shot(page, name, colorScheme);
    found.push(...(await violations(page)).map((text) => `${name}, ${colorScheme}: ${text}`));
  }
  return found;
}

/** Looks at a page on a phone, and at 200 % of a small laptop. */
async function inSmallWindows(page: Page, name: string): Promise<string[]> {
  const found: string[] = [];
  for (const [width, height] of [
    [640, 400],
    [360, 740],
  ] as const) {
    await page.setViewportSize({ width, height });
    if (width === 360) await shot(page, name, "360");
    found.push(...(await sideways(page)).map((text) => `${name}, ${width} px: ${text}`));
  }
  return found;
}

for (const [title, look] of [
  ["26 axe-core has nothing to say about any page, light or dark", inBothThemes],
  ["27 nothing scrolls sideways on a phone or at 200 %", inSmallWindows],
] as const) {
  const walk = async (page: Page, views: View[]) => {
    const found: string[] = [];
    for (const view of views) {
      await page.setViewportSize({ width: 1280, height: 800 });
      await visit(page, view);
      found.push(...(await look(page, view.name)));
    }
    expect(found).toEqual([]);
  };

  test(`${title}: outside`, async ({ device, allow }) => {
    allow(refusals);
    const { page } = await device(undefined, { at: "/login", ...still });
    await walk(page, outside);
  });

  test(`${title}: account`, async ({ device, hub, allow }) => {
    allow(refusals);
    const ada = hub.person("Augusta Ada King, Countess of Lovelace");
    await hub.signIn(ada, "A kitchen radio with a name just as long as a name here may be");
    await hub.signIn(ada, "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbe");
    const { page } = await device(ada, still);
    await walk(page, account);
  });

  test(`${title}: staff`, async ({ device, hub }) => {
    const ada = hub.person("Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbe");
    await hub.signIn(ada, "Kitchen radio");
    const admin = hub.person("Grace Hopper", "admin");
    const { page } = await device(admin, still);
    await walk(page, staff(ada));
  });

  test(`${title}: what no address leads to`, async ({ device, hub, allow }) => {
    const found: string[] = [];
    const open = (who?: Parameters<typeof device>[0]) => device(who, still);
    for await (const { name, page } of scenes(hub, open, allow)) found.push(...(await look(page, name)));
    expect(found).toEqual([]);
  });
}

test("27b tables become cards on a phone", async ({ device, hub }) => {
  const admin = hub.person("Grace Hopper", "admin");
  const { page } = await device(admin, { viewport: { width: 360, height: 740 }, ...still });
  for (const at of ["/staff/sessions", "/staff/users", "/staff/audit"]) {
    await page.goto(at);
    const row = page.locator("tbody tr").first();
    await expect(row).toHaveCSS("display", "block");
    expect((await row.boundingBox())?.height).toBeGreaterThan(60);
  }
});

/** Where the focus is, and whether it can be seen. */
const focus = (page: Page) =>
  page.evaluate(() => {
    const at = document.activeElement as HTMLElement | null;
    const outlined = (one: Element | null | undefined) => {
      const style = one && getComputedStyle(one);
      return Boolean(style && style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) >= 1);
    };
    const name =
      at?.getAttribute("aria-label") ?? (at as HTMLInputElement)?.labels?.[0]?.textContent ?? at?.textContent;
    return { name: name ?? "", body: at === document.body, seen: outlined(at) || outlined(at?.closest("label")) };
  });

/** Goes on with Tab until it stands on what has the name. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press("Tab");
    const at = await focus(page);
    if (at.body) continue;
    expect(at.seen, `the focus is seen on “${at.name}”`).toBe(true);
    if (name.test(at.name)) return;
  }
  throw new Error(`Tab does not come to ${name}`);
}

test("25 everything can be done with the keyboard, and the focus is never lost", async ({ device, hub }) => {
  const ada = hub.person();
  await hub.signIn(ada, "Kitchen radio");
  await hub.signIn(ada, "Garage");
  const { page, rows, row } = await device(undefined, { at: "/login", ...still });
  await expect(page.getByLabel("E-mail")).toBeFocused();
  await page.keyboard.type(ada.email);
  await tabTo(page, /^Password$/);
  await page.keyboard.type(password);
  await page.keyboard.press("Enter");
  await expect(rows).toHaveCount(3);

  await page.reload();
  await expect(rows).toHaveCount(3);
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to content" })).toBeFocused();
  await page.keyboard.press("Enter");
  await tabTo(page, /^Sign out all other devices$/);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toBeVisible();
  for (let i = 0; i < 6; i++) {
    await page.keyboard.press("Tab");
    const inside = await page.evaluate(
      () => document.activeElement === document.body || document.activeElement?.closest("dialog") !== null,
    );
    expect(inside).toBe(true);
  }
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Sign out all other devices" })).toBeFocused();

  await tabTo(page, /^Rename Garage/);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("textbox", { name: "Name" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: "Rename Garage" })).toBeFocused();
  await tabTo(page, /^Sign out Garage/);
  await page.keyboard.press("Enter");
  await expect(row("Garage")).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Sign out Kitchen radio" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(rows).toHaveCount(1);
  expect((await focus(page)).body).toBe(false);

  await tabTo(page, /Account/);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("group", { name: "Theme" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("group", { name: "Theme" })).toBeHidden();
  await expect(page.getByRole("button", { name: /^Account/ })).toBeFocused();
});

test("28 a theme lasts, comes before the first paint, and respects what the system asks for", async ({
  device,
  hub,
}) => {
  const ada = hub.person();
  const { context, page, rows } = await device(ada, { colorScheme: "light" });
  const ground = (of: Page) => of.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await ground(page);
  const other = await context.newPage();
  await other.goto("/profile");
  await page.getByRole("button", { name: /^Account/ }).click();
  await page.getByRole("group", { name: "Theme" }).getByText("Dark").click();
  const dark = await ground(page);
  expect(dark).not.toBe(light);
  await expect.poll(() => ground(other)).toBe(dark);

  await context.addInitScript(() => {
    const grounds = new Set<string>();
    Object.assign(window, { grounds });
    const look = () => {
      if (document.body) grounds.add(getComputedStyle(document.documentElement).backgroundColor);
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  await page.reload();
  await expect(rows).toHaveCount(1);
  expect(await page.evaluate(() => [...(window as unknown as { grounds: Set<string> }).grounds])).toEqual([dark]);
  await page.getByRole("button", { name: /^Account/ }).click();
  await page.getByRole("group", { name: "Theme" }).getByText("System").click();
  await expect.poll(() => ground(page)).toBe(light);
  await page.emulateMedia({ colorScheme: "dark" });
  await expect.poll(() => ground(page)).toBe(dark);
  await page.keyboard.press("Escape");

  await page.emulateMedia({ forcedColors: "active" });
  const button = page.getByRole("button", { name: /^Rename/ });
  await expect(button).toBeVisible();
  expect(await button.evaluate((one) => Number.parseFloat(getComputedStyle(one).borderTopWidth))).toBeGreaterThan(0);
  const online = rows.locator(".dot-on");
  const colours = await online.evaluate((dot) => {
    const style = getComputedStyle(dot);
    return [style.backgroundColor, getComputedStyle(dot.closest("li") as Element).backgroundColor];
  });
  expect(colours[0]).not.toBe(colours[1]);
  await page.emulateMedia({ forcedColors: "none", reducedMotion: "reduce" });
  const came = await momentOf(page, "Kitchen radio");
  await hub.signIn(ada, "Kitchen radio");
  await came();
  const longest = await page.evaluate(() =>
    Math.max(
      0,
      ...document.getAnimations().map((motion) => Number(motion.effect?.getComputedTiming().activeDuration ?? 0)),
    ),
  );
  expect(longest).toBeLessThanOrEqual(1);
});

test("28b the page that signs in keeps the theme too", async ({ device, hub }) => {
  const ada = hub.person();
  const { page } = await device(undefined, { at: "/login", colorScheme: "light" });
  await page.getByRole("group", { name: "Theme" }).getByTitle("Dark").click();
  await typeSignIn(page, ada);
  await expect(page.getByRole("navigation", { name: "Main" })).toBeVisible();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
});
