import type { Page } from "@playwright/test";
import type { Hub, Person } from "./hub";
import { type Device, expect, typeSignIn } from "./test";
import { totp } from "./totp";

/** Something to look at. */
export interface View {
  name: string;
  at: string;
  heading: string | RegExp;
  /** What has to be done there before it can be seen. */
  act?: (page: Page) => Promise<unknown>;
}

const press = (name: string | RegExp) => (page: Page) => page.getByRole("button", { name }).first().click();

/** What people see who are not signed in. */
export const outside: View[] = [
  { name: "login", at: "/login", heading: "Sign in" },
  {
    name: "login-refused",
    at: "/login",
    heading: "Sign in",
    act: async (page) => {
      await typeSignIn(page, { email: "nobody.at.all@example.com" }, "wrong password");
      await expect(page.getByRole("alert")).toBeVisible();
    },
  },
  { name: "login-provider", at: "/login#error=access_denied", heading: "Sign in" },
  { name: "signup", at: "/signup", heading: "Create an account" },
  {
    name: "signup-refused",
    at: "/signup",
    heading: "Create an account",
    act: async (page) => {
      await page.getByRole("button", { name: "Create account" }).click();
      await expect(page.locator("[aria-invalid=true]").first()).toBeVisible();
    },
  },
  { name: "forgot", at: "/forgot", heading: "Forgot your password?" },
  { name: "reset", at: "/reset#token=x", heading: "Choose a new password" },
  { name: "reset-stale", at: "/reset", heading: "This link doesn't work any more" },
  { name: "verify-stale", at: "/verify#token=x", heading: "This link doesn't work any more" },
  { name: "not-me", at: "/not-me#token=x", heading: "Wasn't that you?" },
  { name: "setup", at: "/setup#token=x", heading: "Set up your hub" },
];

/** What everybody sees who is signed in. */
export const account: View[] = [
  { name: "devices", at: "/", heading: "Devices" },
  { name: "devices-rename", at: "/", heading: "Devices", act: press(/^Rename/) },
  { name: "devices-others", at: "/", heading: "Devices", act: press("Sign out all other devices") },
  { name: "account-menu", at: "/", heading: "Devices", act: press(/^Account/) },
  { name: "security", at: "/security", heading: "Security" },
  {
    name: "security-totp",
    at: "/security",
    heading: "Security",
    act: async (page) => {
      await press("Set up")(page);
      await page.getByRole("img", { name: /^QR code/ }).waitFor();
    },
  },
  { name: "activity", at: "/activity", heading: "Activity" },
  { name: "profile", at: "/profile", heading: "Profile" },
  { name: "profile-delete", at: "/profile", heading: "Profile", act: press("Delete account") },
  { name: "forbidden", at: "/staff", heading: "This part is for staff" },
  { name: "not-found", at: "/nothing/here", heading: "Nothing at this address" },
];

/** What staff see besides. */
export const staff = (somebody: Person): View[] => [
  { name: "staff-overview", at: "/staff", heading: "Overview" },
  { name: "staff-sessions", at: "/staff/sessions", heading: "Sessions" },
  {
    name: "staff-sessions-end",
    at: `/staff/sessions?q=${somebody.email}`,
    heading: "Sessions",
    act: press(/^End session/),
  },
  { name: "staff-sessions-none", at: "/staff/sessions?q=nobody.at.all", heading: "Sessions" },
  { name: "staff-users", at: "/staff/users", heading: "Users" },
  { name: "staff-users-invite", at: "/staff/users", heading: "Users", act: press(/^Invite/) },
  { name: "staff-user", at: `/staff/users/${somebody.id}`, heading: somebody.name },
  { name: "staff-jobs", at: "/staff/jobs", heading: "Jobs" },
  { name: "staff-audit", at: "/staff/audit", heading: "Audit" },
];

/** Goes there and waits until it stands still. */
export async function visit(page: Page, { at, heading, act }: View): Promise<void> {
  await page.goto("about:blank"); // an address that differs in its fragment only is no other page
  await page.goto(at);
  await expect(page.getByRole("heading", { level: 1, name: heading, exact: true })).toBeVisible();
  await expect(page.locator("main [aria-busy=true], main .skeleton, [role=status] > *")).toHaveCount(0);
  await act?.(page);
}

/** A page that has come to a state which no address leads to. */
export interface Scene {
  name: string;
  page: Page;
}

/** The states that are come to in other ways. */
export async function* scenes(hub: Hub, open: (who?: Person) => Promise<Device>, allow: Allow): AsyncGenerator<Scene> {
  const ada = hub.person("Ada Lovelace");
  const a = await open(ada);
  const b = await open(ada);
  await expect(a.page.getByRole("button", { name: "This wasn't me" })).toBeVisible();
  yield { name: "devices-news", page: a.page };
  await a.page.getByRole("status").getByRole("button", { name: "Dismiss" }).click(); // on a phone it covers the row
  await a.rows
    .nth(1)
    .getByRole("button", { name: /^Sign out/ })
    .click();
  await expect(b.page.getByRole("heading", { name: "You were signed out" })).toBeVisible();
  yield { name: "signed-out", page: b.page };
  allow(/ERR_INTERNET_DISCONNECTED/);
  await a.context.setOffline(true);
  await expect(a.page.getByText("Reconnecting…")).toBeVisible();
  yield { name: "reconnecting", page: a.page };
  await a.context.setOffline(false);
  yield { name: "mfa", page: await secondStep(hub, open) };
  const c = await open(ada);
  allow(/ERR_FAILED|WebSocket/);
  await c.context.route("**/auth/**", (route) => route.abort());
  await c.page.reload();
  await expect(c.page.getByRole("heading", { name: "Can't reach the hub" })).toBeVisible();
  yield { name: "unreachable", page: c.page };
}

type Allow = (...errors: RegExp[]) => void;

async function secondStep(hub: Hub, open: (who?: Person) => Promise<Device>): Promise<Page> {
  const eve = hub.person("Eve Moneypenny");
  const { token } = await hub.signIn(eve);
  const { secret } = await hub.call<{ secret: string }>("POST /auth/factors/totp", { token });
  await hub.call("POST /auth/factors/totp/confirm", { token, body: { code: totp(secret) } });
  const { page } = await open();
  await page.goto("/login");
  await typeSignIn(page, eve);
  await expect(page.getByRole("textbox", { name: "Code" })).toBeVisible();
  return page;
}
