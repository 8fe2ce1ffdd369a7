import {
  enter,
  expect,
  listener,
  momentOf,
  password,
  percentile,
  press,
  report,
  test,
  tokenOf,
  typeSignIn,
} from "../support/test";

const gone = "You were signed out";

test("01 signing out another device shows there at once, and ends what it holds", async ({ device, hub, allow }) => {
  allow(/401/); // the call that is no longer answered
  const ada = hub.person("Ada Lovelace");
  const a = await device();
  await typeSignIn(a.page, ada);
  await expect(a.rows).toHaveCount(1);
  const times: number[] = [];
  const b = await device(ada);
  for (let run = 0; run < 20; run++) {
    if (run > 0) {
      await enter(b.context, hub, ada);
      await b.page.evaluate((key) => localStorage.setItem(key, "in"), `gatehouse ${hub.url}`);
      await b.page.goto("/");
    }
    await expect(b.rows).toHaveCount(2);
    const token = await tokenOf(b.page, () => b.page.getByRole("link", { name: "Activity" }).click());
    const closed = await listener(b.page, token);
    const moment = await momentOf(b.page, gone);
    const sent = await press(a.rows.nth(1).getByRole("button", { name: /^Sign out/ }));
    times.push((await moment()) - sent);
    await expect(b.page.getByRole("heading", { name: gone })).toBeFocused();
    await expect(b.page).toHaveURL("/activity");
    await expect(b.page.getByText(/signed out from another of your devices/)).toBeVisible();
    const status = await b.page.evaluate(
      async (bearer) => (await fetch("/auth/me", { headers: { Authorization: `Bearer ${bearer}` } })).status,
      token,
    );
    expect(status).toBe(401);
    expect(await closed()).toEqual({ code: 4501, reason: "session_revoked" });
    await expect(a.rows).toHaveCount(1);
  }
  report("01 kick to page", times);
  expect(percentile(times, 95)).toBeLessThan(100);
  expect(Math.max(...times)).toBeLessThan(200);

  await b.page.getByRole("link", { name: "Sign in again" }).click();
  await expect(b.page).toHaveURL("/login?next=/activity");
  await typeSignIn(b.page, ada);
  await expect(b.page).toHaveURL("/activity");
});

test("02 staff end a session: the page says so, and the audit has it at once", async ({ device, hub }) => {
  const admin = hub.person("Grace Hopper", "admin");
  const ada = hub.person("Ada Lovelace");
  const victim = await device(ada);
  const token = await tokenOf(victim.page, () => victim.page.getByRole("link", { name: "Activity" }).click());
  const closed = await listener(victim.page, token);
  const staff = await device(admin, { at: `/staff/sessions?q=${ada.email}` });
  const audit = await staff.context.newPage();
  await audit.goto("/staff/audit");
  await expect(audit.getByRole("heading", { name: "Audit" })).toBeVisible();
  const row = staff.page.getByRole("row").filter({ hasText: ada.email });
  await row.getByRole("button", { name: /^End session/ }).click();
  const dialog = staff.page.getByRole("dialog");
  await dialog.getByLabel("Reason").fill("Laptop reported stolen");
  await dialog.getByLabel("Message").fill("Call the help desk.");
  const moment = await momentOf(victim.page, gone);
  const known = await momentOf(audit, "ended a session");
  const sent = await press(dialog.getByRole("button", { name: "End session" }));
  report("02 kick to page", [(await moment()) - sent]);
  report("02 kick to audit", [(await known()) - sent]);
  await expect(victim.page.getByText("signed out by an administrator, Grace Hopper")).toBeVisible();
  await expect(victim.page.getByText("Call the help desk.")).toBeVisible();
  await expect(victim.page.getByText("Laptop reported stolen")).toHaveCount(0);
  expect(await closed()).toEqual({ code: 4502, reason: "kicked" });
  await expect(row).toHaveCount(0);
  const entry = audit.getByRole("row").filter({ hasText: "Laptop reported stolen" });
  await expect(entry).toContainText("Grace Hopper ended a session of Ada Lovelace");
});

test("03 a device that comes or goes is seen by the others", async ({ device, hub }) => {
  const ada = hub.person();
  const a = await device(ada);
  await expect(a.rows).toHaveCount(1);
  const b = await device(ada);
  await expect(b.rows).toHaveCount(2);
  await expect(a.rows).toHaveCount(2);
  await expect(a.page.getByRole("status").getByText("just signed in")).toBeVisible();
  await expect(a.page.getByRole("status").getByRole("button", { name: "This wasn't me" })).toBeVisible();
  const other = a.rows.nth(1);
  await expect(other).toContainText("Online");

  await other.evaluate((row) => {
    const words: string[] = [];
    new MutationObserver(() => words.push(row.textContent ?? "")).observe(row, {
      subtree: true,
      childList: true,
      characterData: true,
    });
    Object.assign(window, { words });
  });
  await b.page.reload();
  await expect(b.rows).toHaveCount(2);
  await a.page.waitForTimeout(1500); // longer than the grace
  const words = await a.page.evaluate(() => (window as unknown as { words: string[] }).words);
  expect(words.filter((text) => text.includes("Last active"))).toEqual([]);

  const left = await momentOf(a.page, "Last active");
  const closed = Date.now();
  await b.page.close();
  const grace = (await left()) - closed;
  report("03 tab closed to offline (grace 1 s)", [grace]);
  expect(grace).toBeLessThan(2000);
  await expect(a.rows).toHaveCount(2);

  const came = await momentOf(a.page, "Kitchen radio");
  const sent = Date.now();
  await hub.signIn(ada, "Kitchen radio");
  const took = (await came()) - sent;
  report("03 sign-in to list", [took]);
  expect(took).toBeLessThan(500);

  const notice = a.page.getByRole("status");
  await expect(notice.getByText("Kitchen radio just signed in.")).toBeVisible();
  const dismiss = notice.getByRole("button", { name: "Dismiss" });
  while ((await dismiss.count()) > 1) await dismiss.first().click();
  await notice.getByRole("button", { name: "This wasn't me" }).click();
  await expect(notice.getByText("Kitchen radio is signed out.")).toBeVisible();
  await expect(a.row("Kitchen radio")).toHaveCount(0);
});

test("04 three tabs are one device with three tabs", async ({ device, hub }) => {
  const ada = hub.person();
  const a = await device(ada);
  await expect(a.rows).toHaveCount(1);
  for (let i = 0; i < 2; i++) await (await a.context.newPage()).goto("/profile");
  await expect(a.rows).toHaveCount(1);
  await expect(a.rows).toContainText("3 tabs");
  await expect(a.page.getByRole("status")).not.toContainText("just signed in");
});

test("05 a name is changed in place", async ({ device, hub }) => {
  const ada = hub.person();
  const a = await device(ada);
  const other = await a.context.newPage();
  await other.goto("/");
  await expect(other.getByText("This device")).toBeVisible();
  const rename = async (name: string) => {
    await a.rows.getByRole("button", { name: /^Rename/ }).click();
    await a.page.getByRole("textbox", { name: "Name" }).fill(name);
  };
  await rename("Desk in the attic");
  const seen = await momentOf(other, "Desk in the attic");
  const sent = Date.now();
  await a.page.keyboard.press("Enter");
  const took = (await seen()) - sent;
  report("05 rename to other tab", [took]);
  expect(took).toBeLessThan(500);
  await expect(a.rows).toContainText("Desk in the attic");
  await expect(a.rows.getByRole("button", { name: /^Rename/ })).toBeFocused();
  await a.page.reload();
  await expect(a.rows).toContainText("Desk in the attic");

  await rename("x".repeat(65));
  await a.page.keyboard.press("Enter");
  await expect(a.rows.getByRole("alert")).toContainText("65 of at most 64 characters");
  await a.page.keyboard.press("Escape");
  await expect(a.rows).toContainText("Desk in the attic");

  const script = "<script>alert(1)</script>";
  a.page.on("dialog", () => expect(script).toBe("never run"));
  await rename(script);
  await a.page.keyboard.press("Enter");
  await expect(a.rows).toContainText(script);
  await expect(other.getByText(script).first()).toBeVisible();
});

test("06 all other devices are signed out in one go", async ({ device, hub }) => {
  const ada = hub.person();
  const a = await device(ada);
  const all = a.page.getByRole("button", { name: "Sign out all other devices" });
  await expect(all).toBeDisabled();
  await expect(a.page.getByText("No other device is signed in").first()).toBeVisible();
  const b = await device(ada);
  await hub.signIn(ada, "Kitchen radio");
  await expect(a.rows).toHaveCount(3);
  await all.click();
  const dialog = a.page.getByRole("dialog");
  await expect(dialog).toContainText("Kitchen radio");
  await dialog.getByRole("button", { name: "Sign out 2 devices" }).click();
  await expect(a.rows).toHaveCount(1);
  await expect(a.rows).toContainText("This device");
  await expect(dialog).toHaveCount(0);
  await expect(b.page.getByRole("heading", { name: gone })).toBeVisible();
});

test("06b signing out the others asks who it is, when the sign-in was a while ago", async ({
  device,
  another,
  allow,
}) => {
  allow(/403|401/);
  const hub = await another({ settings: { STEP_UP_AGE: "1s" } });
  const ada = hub.person();
  const a = await device(ada, { hub });
  await hub.signIn(ada, "Kitchen radio");
  await expect(a.rows).toHaveCount(2);
  await a.page.waitForTimeout(1100);
  await a.page.getByRole("button", { name: "Sign out all other devices" }).click();
  await a.page.getByRole("button", { name: "Sign out 1 device" }).click();
  const confirm = a.page.getByRole("dialog", { name: "Confirm that it's you" });
  await confirm.getByRole("textbox", { name: "Password" }).fill("wrong password");
  await a.page.keyboard.press("Enter");
  await expect(confirm.getByText("That isn't your password.")).toBeVisible();
  await confirm.getByRole("textbox", { name: "Password" }).fill(password);
  await a.page.keyboard.press("Enter");
  await expect(a.rows).toHaveCount(1);
  await expect(a.rows).toContainText("This device");
});

test("07 this device stands first, and signing it out is an ordinary sign-out", async ({ device, hub }) => {
  const ada = hub.person();
  await hub.signIn(ada, "Kitchen radio");
  const a = await device(ada);
  await hub.signIn(ada, "Garage");
  await expect(a.rows).toHaveCount(3);
  await expect(a.rows.first()).toContainText("This device");
  await a.rows
    .first()
    .getByRole("button", { name: /^Sign out/ })
    .click();
  await expect(a.page).toHaveURL("/login");
  await expect(a.page.getByText("You signed out.")).toBeVisible();
  await expect(a.page.getByText(gone)).toHaveCount(0);
  expect((await a.context.cookies()).filter((cookie) => cookie.value)).toEqual([]);
});
