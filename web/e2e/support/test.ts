import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  test as base,
  expect,
  type Locator,
  type Page,
} from "@playwright/test";
import { Hub, type Person, password, type Settings } from "./hub";
import { openProvider, type Provider } from "./provider";

export { expect, password };

/** A browser of its own: what a person calls a device. */
export interface Device {
  context: BrowserContext;
  page: Page;
  rows: Locator;
  row(name: string | RegExp): Locator;
}

type OpenDevice = (who?: Person, options?: { at?: string; hub?: Hub } & BrowserContextOptions) => Promise<Device>;

export interface Fixtures {
  /** Opens a browser, signed in when it is told as whom, and looks at a page. */
  device: OpenDevice;
  /** Starts a hub with its own settings. */
  another: (options: { settings?: Settings; wired?: boolean }) => Promise<Hub>;
  /** Says that an error in the console is no fault in this test, since it made it. */
  allow: (...errors: RegExp[]) => void;
}

interface ForAll {
  hub: Hub;
  provider: Provider;
}

export const test = base.extend<Fixtures & { console: Console }, ForAll>({
  provider: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads what a fixture needs from this pattern
    async ({}, use) => {
      const provider = await openProvider();
      await use(provider);
      provider.close();
    },
    { scope: "worker" },
  ],
  hub: [
    async ({ provider }, use) => {
      const hub = await Hub.start({ settings: { PRESENCE_GRACE: "1s", ...provider.settings } });
      await use(hub);
      await hub.close();
    },
    { scope: "worker" },
  ],
  // biome-ignore lint/correctness/noEmptyPattern: as above
  another: async ({}, use) => {
    const hubs: Hub[] = [];
    await use(async (options) => {
      const hub = await Hub.start(options);
      hubs.push(hub);
      return hub;
    });
    await Promise.all(hubs.map((hub) => hub.close()));
  },
  // biome-ignore lint/correctness/noEmptyPattern: as above
  console: async ({}, use) => {
    const heard = new Console();
    await use(heard);
    heard.check();
  },
  allow: async ({ console }, use) => use((...errors) => console.allow(...errors)),
  // It needs another only to be done before that: no page is to miss its hub.
  device: async ({ browser, hub, console, another: _ }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (who, { at = "/", hub: own = hub, ...options } = {}) => {
      const context = await open(browser, own, who, options);
      contexts.push(context);
      context.on("page", (page) => console.listen(page));
      const page = await context.newPage();
      await page.goto(at);
      const rows = page.getByRole("list", { name: "Devices" }).getByRole("listitem");
      return { context, page, rows, row: (name) => rows.filter({ hasText: name }) };
    });
    await Promise.all(contexts.map((context) => context.close()));
  },
});

/** What pages wrote into their consoles. Each test fails for an error that it does not allow. */
class Console {
  #errors: string[] = [];
  #allowed: RegExp[] = [];

  allow(...errors: RegExp[]) {
    this.#allowed.push(...errors);
  }

  listen(page: Page) {
    page.on("pageerror", (error) => this.#errors.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") this.#errors.push(`${message.text()} (${message.location().url})`);
    });
  }

  check() {
    expect(this.#errors.filter((error) => !this.#allowed.some((allowed) => allowed.test(error)))).toEqual([]);
  }
}

async function open(browser: Browser, hub: Hub, who: Person | undefined, options: BrowserContextOptions) {
  const mark = { name: `gatehouse ${hub.url}`, value: "in" };
  const major = browser.version().split(".")[0];
  const context = await browser.newContext({
    baseURL: hub.url,
    // As if it had a screen: the hub calls headless browsers bots.
    userAgent: `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${major}.0.0.0 Safari/537.36`,
    ...(who && { storageState: { cookies: [], origins: [{ origin: hub.url, localStorage: [mark] }] } }),
    ...options,
  });
  await context.addInitScript(record);
  if (who) await enter(context, hub, who);
  return context;
}

/** Signs in as the app does, without its form. */
export async function enter(context: BrowserContext, hub: Hub, who: Person): Promise<void> {
  const response = await context.request.post(`${hub.url}/auth/login`, {
    headers: { Origin: hub.url },
    data: { email: who.email, password, transport: "cookie" },
  });
  expect(response.status(), await response.text()).toBe(200);
}

/** In every page: when it began each of its sockets. */
function record() {
  const opened: number[] = [];
  Object.assign(window, { opened });
  const Real = window.WebSocket;
  window.WebSocket = class extends Real {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      opened.push(performance.now());
    }
  };
}

/** When this page began each of its sockets, in milliseconds since it was loaded. */
export const opened = (page: Page) => page.evaluate(() => (window as unknown as { opened: number[] }).opened);

/** The token that the page uses, from the next call that it makes. */
export async function tokenOf(page: Page, act: () => Promise<unknown>): Promise<string> {
  const call = page.waitForRequest((request) => request.headers().authorization !== undefined);
  await act();
  return ((await call).headers().authorization ?? "").replace("Bearer ", "");
}

/**
 * Opens another socket of the page's session, which only listens: the app itself hangs up as soon as it hears that the
 * session ended. Resolves, when it is open, to what tells how it ends.
 */
export async function listener(page: Page, token: string): Promise<() => Promise<{ code: number; reason: string }>> {
  await page.evaluate(async (bearer) => {
    const socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws`, ["gatehouse.v1", `bearer.${bearer}`]);
    const ending = new Promise((resolve) => {
      socket.onclose = ({ code, reason }) => resolve({ code, reason });
    });
    await new Promise((resolve) => {
      socket.onmessage = resolve;
    });
    Object.assign(window, { ending });
  }, token);
  return () => page.evaluate(() => (window as unknown as { ending: Promise<{ code: number; reason: string }> }).ending);
}

/** Fills in the form of the sign-in page. */
export async function typeSignIn(page: Page, who: { email: string }, secret = password): Promise<void> {
  await page.getByLabel("E-mail").fill(who.email);
  await page.getByRole("textbox", { name: "Password" }).fill(secret);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

/** Resolves to the moment when the page first says the text, as Date.now() tells it. Begin it before what causes that. */
export async function momentOf(page: Page, text: string): Promise<() => Promise<number>> {
  await page.evaluate((wanted) => {
    // biome-ignore lint/performance/useDomNodeTextContent: what is hidden is not yet said
    const there = () => document.body.innerText.includes(wanted);
    const moment = new Promise<number>((resolve) => {
      const look = () => {
        if (!there()) return;
        watcher.disconnect();
        resolve(performance.timeOrigin + performance.now());
      };
      const watcher = new MutationObserver(look);
      watcher.observe(document.body, { subtree: true, childList: true, characterData: true });
      look();
    });
    Object.assign(window, { moment });
  }, text);
  return () => page.evaluate(() => (window as unknown as { moment: Promise<number> }).moment);
}

/** Presses the button and tells when. */
export const press = (button: Locator): Promise<number> =>
  button.evaluate((element: HTMLElement) => {
    const at = performance.timeOrigin + performance.now();
    element.click();
    return at;
  });

/** The number below which so many per cent of them are. */
export function percentile(values: number[], per: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil((per / 100) * sorted.length) - 1)] ?? Number.NaN;
}

/** Prints a measured time where people and machines find it. */
export function report(what: string, values: number[]): void {
  const [half, most] = [percentile(values, 50), percentile(values, 95)];
  const text = `${what}: p50 ${half.toFixed(1)} ms, p95 ${most.toFixed(1)} ms, most ${Math.max(...values).toFixed(1)} ms (${values.length} runs)`;
  test.info().annotations.push({ type: "time", description: text });
  console.log(`    ${text}`);
}
