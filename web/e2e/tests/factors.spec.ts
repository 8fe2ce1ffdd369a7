import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import jsQR from "jsqr";
import { type Device, expect, password, test, typeSignIn } from "../support/test";
import { totp } from "../support/totp";

/** What a phone would read from the picture. */
async function scan(page: Page): Promise<string> {
  const picture = await page.getByRole("img", { name: "QR code for your authenticator app" }).screenshot();
  const blank = await page.context().newPage(); // its policy allows to draw
  const { data, width, height } = await blank.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
    if (!context) throw new Error("no canvas");
    context.drawImage(image, 0, 0);
    return { ...size(image), data: [...context.getImageData(0, 0, image.width, image.height).data] };
    function size({ width, height }: ImageBitmap) {
      return { width, height };
    }
  }, picture.toString("base64"));
  await blank.close();
  const found = jsQR(Uint8ClampedArray.from(data), width, height);
  return (found as { data: string } | null)?.data ?? "";
}

const section = (page: Page, name: string) => page.getByRole("region", { name, exact: true });

/** Sets up an authenticator app, and gives its secret and the recovery codes. */
async function setUp({ page }: Device): Promise<{ secret: string; codes: string[] }> {
  await page.goto("/security");
  await section(page, "Authenticator app").getByRole("button", { name: "Set up" }).click();
  const secret = new URL(await scan(page)).searchParams.get("secret") ?? "";
  await page.getByRole("textbox", { name: "Code" }).fill(totp(secret));
  await page.getByRole("button", { name: "Turn on" }).click();
  const codes = page.getByRole("list", { name: "Recovery codes" }).getByRole("listitem");
  await expect(codes).toHaveCount(10);
  return { secret, codes: await codes.allTextContents() };
}

async function signOut(page: Page) {
  await page.getByRole("button", { name: /^Account/ }).click();
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await expect(page).toHaveURL(/\/login/);
}

test("20 an authenticator app is set up by its picture; recovery codes are kept and work once", async ({
  device,
  hub,
  allow,
}) => {
  allow(/401|410/);
  const ada = hub.person();
  const a = await device(ada, { at: "/security", permissions: ["clipboard-read", "clipboard-write"] });
  const { page } = a;
  const app = section(page, "Authenticator app");
  await app.getByRole("button", { name: "Set up" }).click();
  const uri = new URL(await scan(page));
  expect(uri.protocol).toBe("otpauth:");
  expect(decodeURIComponent(uri.pathname)).toContain(ada.email);
  const secret = uri.searchParams.get("secret") ?? "";
  const code = page.getByRole("textbox", { name: "Code" });
  await code.fill(totp(secret) === "000000" ? "000001" : "000000");
  await page.getByRole("button", { name: "Turn on" }).click();
  await expect(page.getByRole("dialog").getByRole("alert")).toContainText("That code isn't right");
  await expect(code).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(app.getByRole("button", { name: "Set up" })).toBeVisible(); // nothing is on yet

  const { secret: kept, codes } = await setUp(a);
  await page.getByRole("dialog").getByRole("button", { name: "Copy", exact: true }).click();
  await expect(page.getByText("Copied.")).toBeVisible();
  expect((await page.evaluate(() => navigator.clipboard.readText())).trim().split("\n")).toEqual(codes);
  const saving = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download" }).click();
  const file = readFileSync(await (await saving).path(), "utf8");
  for (const each of codes) expect(file).toContain(each);
  await page.getByRole("button", { name: "I have kept them" }).click();
  await page.reload();
  await expect(app.getByRole("button", { name: "Turn off" })).toBeVisible();
  await expect(section(page, "Recovery codes")).toContainText("10 codes left");
  for (const each of codes) expect(await page.content()).not.toContain(each);

  for (const [times, first] of [codes[0] ?? "", codes[0] ?? ""].entries()) {
    await signOut(page);
    await typeSignIn(page, ada);
    await page.getByRole("button", { name: "Use a recovery code" }).click();
    await page.getByRole("textbox", { name: "Recovery code" }).fill(first);
    await page.getByRole("button", { name: "Continue" }).click();
    if (times === 0) await expect(page.getByRole("navigation", { name: "Main" })).toBeVisible();
  }
  await expect(page.getByRole("alert")).toContainText("That code isn't right");
  await page.getByRole("button", { name: "Use your authenticator app" }).click();
  await page.getByRole("textbox", { name: "Code" }).fill(totp(kept, 1));
  await expect(page.getByRole("navigation", { name: "Main" })).toBeVisible();
});

test("21 the second step takes a pasted code, keeps the focus, and explains itself when it is late", async ({
  device,
  hub,
  allow,
}) => {
  allow(/401|410/);
  const ada = hub.person();
  const { secret } = await setUp(await device(ada));
  const { page, context } = await device(undefined, {
    at: "/login",
    permissions: ["clipboard-read", "clipboard-write"],
  });
  await typeSignIn(page, ada);
  const code = page.getByRole("textbox", { name: "Code" });
  await expect(code).toBeFocused();
  await expect(code).toHaveAttribute("autocomplete", "one-time-code");
  await expect(code).toHaveAttribute("inputmode", "numeric");
  await page.keyboard.type("000000");
  await expect(page.getByRole("alert")).toContainText("That code isn't right");
  await expect(code).toBeFocused();
  const right = totp(secret, 1);
  await page.evaluate((text) => navigator.clipboard.writeText(text), `${right.slice(0, 3)} ${right.slice(3)}`);
  await page.keyboard.press("ControlOrMeta+V");
  await expect(page.getByRole("navigation", { name: "Main" })).toBeVisible();

  await context.clearCookies();
  const late = await device(undefined, { at: "about:blank" });
  await late.page.clock.install();
  await late.page.goto("/login");
  await typeSignIn(late.page, ada);
  await expect(late.page.getByRole("textbox", { name: "Code" })).toBeVisible();
  await late.page.clock.fastForward("05:01");
  await expect(late.page.getByRole("heading", { name: "That took too long" })).toBeVisible();
  await late.page.getByRole("button", { name: "Start again" }).click();
  await expect(late.page.getByLabel("E-mail")).toBeVisible();
});

/** A device with a fingerprint reader whose finger is always there. */
async function reader(page: Page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable", { enableUI: false });
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return {
    finger: (enabled: boolean) => cdp.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId, enabled }),
    count: async () => (await cdp.send("WebAuthn.getCredentials", { authenticatorId })).credentials.length,
  };
}

test("22 a passkey is made, and signs in from where the address is typed", async ({ device, hub }) => {
  const ada = hub.person();
  const { page, rows } = await device(ada, { at: "/security" });
  const { finger, count } = await reader(page);
  const keys = section(page, "Passkeys");
  await keys.getByRole("button", { name: "Add a passkey" }).click();
  await page.getByRole("button", { name: "I have kept them" }).click();
  await expect(keys.getByRole("listitem")).toHaveCount(1);
  expect(await count()).toBe(1);
  await finger(false);
  await signOut(page);
  const form = page.getByLabel("E-mail");
  await expect(form).toHaveAttribute("autocomplete", "username webauthn");
  await form.fill("not with this");
  await finger(true);
  await page.goto("/login");
  await expect(rows).toHaveCount(1);
  await expect(rows).toContainText("Passkey");
});

test("22b a passkey that is thought better of leaves the form as it was", async ({ device, hub }) => {
  const ada = hub.person();
  const { page, context } = await device();
  await context.addInitScript(() => {
    const real = navigator.credentials.get.bind(navigator.credentials);
    navigator.credentials.get = (options) =>
      options?.mediation === "conditional"
        ? real(options)
        : Promise.reject(new DOMException("The operation was not allowed.", "NotAllowedError"));
  });
  await page.goto("/login");
  await page.getByLabel("E-mail").fill(ada.email);
  await page.getByRole("button", { name: "Use a passkey" }).click();
  await expect(page.getByRole("button", { name: "Use a passkey" })).not.toHaveAttribute("aria-busy", "true");
  await expect(page.getByRole("alert")).toHaveCount(0);
  await expect(page.getByLabel("E-mail")).toHaveValue(ada.email);
  await page.getByRole("textbox", { name: "Password" }).fill(password);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("navigation", { name: "Main" })).toBeVisible();
});

test("23 a provider signs in, and every way it can fail has its own words", async ({ device, provider }) => {
  const { page, context } = await device(undefined, { at: "/login?next=/profile" });
  const go = () => page.getByRole("button", { name: "Continue with Google" }).click();
  const told = page.getByRole("alert");

  provider.mode = "cancel";
  await go();
  await expect(told).toContainText("You cancelled at the provider");
  expect(page.url()).not.toContain("#");

  provider.mode = "other state";
  await page.goto("/login?next=/profile");
  await go();
  await expect(told).toContainText("Please start again");

  provider.mode = "consent";
  provider.user = { sub: "first", email: "linus.new@example.com", name: "Linus New" };
  await page.goto("/login?next=/profile");
  await go();
  await expect(page).toHaveURL("/profile");
  await expect(page.getByRole("button", { name: /^Account/ })).toContainText("Linus New");
  expect((await context.cookies()).some((cookie) => cookie.name === "gatehouse_refresh" && cookie.httpOnly)).toBe(true);

  await signOut(page);
  provider.user = { ...provider.user, sub: "second" };
  await go();
  await expect(told).toContainText("There is already an account with that e-mail address");
});
