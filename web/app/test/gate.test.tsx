import { act, fireEvent, screen, waitFor, within } from "@testing-library/react";
import { describe, expect, test, vi } from "vitest";
import { arrive } from "../src/arrival";
import { loginAt, safeNext } from "../src/next";
import { whyEnded } from "../src/words/ended";
import { refusal } from "./fake";
import { aUser } from "./fixtures";
import { show } from "./show";

const nobody = { status: "signed_out", reason: "none" } as const;
const at = () => location.pathname + location.search;
const kicked = {
  reason: "kicked",
  by: { kind: "admin", name: "Grace" },
  at: "2026-11-20T10:00:00Z",
  message: "Call me.",
} as const;

describe("the gate", () => {
  test("sends somebody who is signed out to sign in, and remembers where to", async () => {
    show({ at: "/staff/sessions?q=ada%20l&x=1", auth: nobody });
    await screen.findByRole("heading", { name: "Sign in" });
    expect(at()).toBe("/login?next=/staff/sessions%3Fq%3Dada%2520l%26x%3D1");
    expect(safeNext(new URLSearchParams(location.search).get("next"))).toBe("/staff/sessions?q=ada%20l&x=1");
  });

  test("goes on to where somebody was when the sign-in succeeds", async () => {
    const { state, user, client } = show({ at: "/login?next=/activity", auth: nobody });
    const inside = { status: "signed_in", user: aUser(), session: expect.anything() } as never;
    client.auth.signIn.password = async () => state.set(inside);
    await user.type(await screen.findByLabelText("E-mail"), "ada@example.com");
    await user.type(screen.getByLabelText("Password"), "correct horse{Enter}");
    await screen.findByRole("heading", { name: "Activity" });
    expect(at()).toBe("/activity");
  });

  test("shows nothing of a sign-in while nobody knows who this is", () => {
    show({ auth: { status: "loading" } });
    expect(document.body.textContent).not.toMatch(/sign in|password|e-mail/i);
    expect(screen.queryByRole("textbox")).toBeNull();
  });

  test("says that the hub can't be reached before the first answer, and not again later", async () => {
    const { socket } = show({ auth: { status: "loading" } }, ({ socket }) => socket.set("reconnecting"));
    await screen.findByRole("heading", { name: "Can't reach the hub" });
    act(() => socket.set("connecting"));
    expect(screen.queryByText("Can't reach the hub")).toBeNull();
  });

  test("replaces the page where it is when somebody else ends the session", async () => {
    const { state } = show({ at: "/security" });
    await screen.findByRole("heading", { name: "Security" });
    act(() => state.set({ status: "signed_out", reason: kicked }));
    const heading = await screen.findByRole("heading", { name: "You were signed out" });
    expect(document.activeElement).toBe(heading);
    expect(document.body.textContent).toContain("by an administrator, Grace");
    expect(document.body.textContent).toContain("Call me.");
    expect(document.body.textContent).not.toContain("ada@example.com");
    expect(at()).toBe("/security");
    fireEvent.click(screen.getByRole("link", { name: "Sign in again" }));
    await screen.findByRole("heading", { name: "Sign in" });
    expect(at()).toBe("/login?next=/security");
    expect(document.body.textContent).toContain("by an administrator"); // the reason is still told
  });

  test("leaves nothing to the next person after an ordinary sign-out", async () => {
    const { state } = show({ at: "/staff/users/usr_1" });
    act(() => state.set({ status: "signed_out", reason: "signed_out" }));
    await screen.findByText("You signed out.");
    expect(at()).toBe("/login");
  });

  test("keeps people without a role out of the staff pages, and asks for nothing there", async () => {
    let asked = false;
    show({ at: "/staff", user: aUser({ roles: ["user"] }) }, ({ client }) => {
      client.admin.stats = async () => {
        asked = true;
        throw refusal("forbidden", 403);
      };
    });
    await screen.findByRole("heading", { name: "This part is for staff" });
    expect(screen.queryByRole("link", { name: "Sessions" })).toBeNull();
    expect(asked).toBe(false);
  });

  test("begins with the sessions for moderators, who see no jobs", async () => {
    show({ at: "/staff", user: aUser({ roles: ["user", "moderator"] }) });
    await screen.findByRole("heading", { name: "Sessions" }, { timeout: 5000 });
    expect(screen.queryByRole("link", { name: "Jobs" })).toBeNull();
  });

  test("leads to the second step that a hub insists on", async () => {
    show({}, ({ client }) => {
      client.sessions.watch = (_cb, onError) => {
        queueMicrotask(() => onError?.(refusal("mfa_setup_required", 403)));
        return () => {};
      };
    });
    await screen.findByText(/Your hub asks for a second step/, {}, { timeout: 5000 });
  });

  test("has a page for addresses that lead nowhere", async () => {
    show({ at: "/nowhere" });
    await screen.findByRole("heading", { name: "Nothing at this address" });
  });
});

describe("where to go next", () => {
  test.each([
    ["/staff?q=a", "/staff?q=a"],
    ["/", "/"],
    [null, "/"],
    ["", "/"],
    ["//evil.example", "/"],
    ["/\\evil.example", "/"],
    ["/\t/evil.example", "/"],
    ["/%09/evil.example", "/%09/evil.example"],
    ["/a/..//evil.example", "/"],
    ["https://evil.example/", "/"],
    ["javascript:alert(1)", "/"],
    ["security", "/"],
    ["/login?next=/login", "/"],
    ["/security#token=x", "/security"],
  ])("%s → %s", (next, want) => expect(safeNext(next)).toBe(want));

  test("survives the way through the address", () => {
    const url = new URL(loginAt("/staff/audit", "?q=a&b=c d"), "https://hub.example");
    expect(safeNext(url.searchParams.get("next"))).toBe("/");
    expect(safeNext(new URL(loginAt("/staff/audit", "?q=a&b=c%20d"), url).searchParams.get("next"))).toBe(
      "/staff/audit?q=a&b=c%20d",
    );
  });
});

describe("the second step", () => {
  const mfa = { status: "mfa_required", methods: ["totp", "recovery_code"], expiresIn: 300 } as const;
  const wanted = () => ({ ...mfa, methods: [...mfa.methods] });

  test("takes a pasted code with a space, and sends it without being told", async () => {
    const { user, client } = show({ auth: wanted() });
    const totp = vi.spyOn(client.auth.mfa, "totp");
    const box = await screen.findByLabelText("Code");
    expect(document.activeElement).toBe(box);
    await user.paste("123 456");
    expect(totp).toHaveBeenCalledWith("123456");
  });

  test("keeps the focus after a wrong code, with the code marked", async () => {
    const { user } = show({ auth: wanted() }, ({ client }) => {
      client.auth.mfa.totp = async () => {
        throw refusal("invalid_code", 401);
      };
    });
    const box = await screen.findByLabelText<HTMLInputElement>("Code");
    await user.type(box, "000000");
    expect((await screen.findByRole("alert")).textContent).toContain("That code isn't right.");
    expect(document.activeElement).toBe(box);
    expect([box.selectionStart, box.selectionEnd]).toEqual([0, 6]);
  });

  test("switches to recovery codes and back", async () => {
    const { user, client } = show({ auth: wanted() });
    const recovery = vi.spyOn(client.auth.mfa, "recoveryCode");
    await user.click(await screen.findByRole("button", { name: "Use a recovery code" }));
    await user.type(screen.getByLabelText("Recovery code"), "k0d7-w2fm{Enter}");
    expect(recovery).toHaveBeenCalledWith("k0d7-w2fm");
    await user.click(screen.getByRole("button", { name: "Use your authenticator app" }));
    expect(screen.getByLabelText("Code")).toBeTruthy();
  });

  test("says so when its time is over or its tries are spent, and begins again", async () => {
    const { user, state } = show({ auth: wanted() }, ({ client }) => {
      client.auth.mfa.totp = async () => {
        throw refusal("grant_expired", 410);
      };
    });
    await user.type(await screen.findByLabelText("Code"), "000000");
    await screen.findByRole("heading", { name: "That took too long" });
    await user.click(screen.getByRole("button", { name: "Start again" }));
    expect(state.get().status).toBe("signed_out");
    act(() => state.set({ ...wanted(), expiresIn: 0 }));
    await screen.findByRole("heading", { name: "That took too long" });
  });
});

describe("signing in", () => {
  test("says the same for a wrong password and nobody", async () => {
    const { user } = show({ at: "/login", auth: nobody }, ({ client }) => {
      client.auth.signIn.password = async () => {
        throw refusal("invalid_credentials", 401);
      };
    });
    await user.type(await screen.findByLabelText("E-mail"), "ada@example.com");
    await user.type(screen.getByLabelText("Password"), "wrong{Enter}");
    expect((await screen.findByRole("alert")).textContent).toContain("That e-mail address and password don't match.");
    expect(document.activeElement).toBe(screen.getByLabelText("Password"));
    expect(screen.getByLabelText<HTMLInputElement>("E-mail").value).toBe("ada@example.com");
  });

  test("counts down where the hub asked to wait, and sends nothing before", async () => {
    const { user, client } = show({ at: "/login", auth: nobody }, ({ client }) => {
      client.auth.signIn.password = async () => {
        throw refusal("rate_limited", 429, { retry_after: 245 });
      };
    });
    const password = vi.spyOn(client.auth.signIn, "password");
    await user.type(await screen.findByLabelText("E-mail"), "ada@example.com");
    await user.type(screen.getByLabelText("Password"), "wrong{Enter}");
    const told = await screen.findByRole("alert");
    expect(told.textContent).toContain("Try again in about 5 minutes.");
    expect(told.textContent).toContain("(4:05)");
    expect(screen.getByRole("button", { name: "Sign in" })).toHaveProperty("disabled", true);
    await user.type(screen.getByLabelText("Password"), "{Enter}");
    expect(password).toHaveBeenCalledTimes(1);
  });

  test("shows the ways that are configured, and no others", async () => {
    show({ at: "/login", auth: nobody }, ({ client }) => {
      client.options = async () => ({
        providers: ["github"],
        signup: false,
        email_verification: false,
        passkeys: false,
      });
    });
    await screen.findByRole("button", { name: "Continue with GitHub" });
    expect(screen.queryByRole("button", { name: /Google|passkey/ })).toBeNull();
    expect(screen.queryByText("Create an account")).toBeNull();
  });

  test("stays usable when a passkey is cancelled", async () => {
    const { user } = show({ at: "/login", auth: nobody }, ({ client }) => {
      client.auth.signIn.passkey = async () => {
        throw refusal("cancelled", 0);
      };
    });
    const passkey = await screen.findByRole("button", { name: "Use a passkey" });
    await user.click(passkey);
    expect(screen.queryByRole("alert")).toBeNull();
    expect(passkey.getAttribute("aria-busy")).toBeNull();
  });
});

describe("what stands in the fragment", () => {
  test("is read once and removed: the error of a provider, in words", async () => {
    history.replaceState(null, "", "/login?next=/security#error=access_denied");
    arrive();
    expect(location.hash).toBe("");
    show({ at: at(), auth: nobody });
    expect((await screen.findByRole("alert")).textContent).toContain("You cancelled at the provider.");
  });

  test("is the secret of a mail, which is sent once although React draws twice", async () => {
    history.replaceState(null, "", "/verify#token=s3cret");
    arrive();
    expect(location.href).not.toContain("s3cret");
    const sent: string[] = [];
    show({ at: "/verify", auth: nobody }, ({ client }) => {
      client.auth.verifyEmail = async (token) => {
        sent.push(token);
      };
    });
    await screen.findByRole("heading", { name: "Address verified" }, { timeout: 5000 });
    expect(sent).toEqual(["s3cret"]);
    expect(document.body.innerHTML).not.toContain("s3cret");
  });

  test("may be used already, and then the page says what to do", async () => {
    history.replaceState(null, "", "/reset#token=old");
    arrive();
    const { user } = show({ at: "/reset", auth: nobody }, ({ client }) => {
      client.auth.resetPassword = async () => {
        throw refusal("grant_expired", 410);
      };
    });
    await user.type(await screen.findByLabelText("New password"), "correct horse{Enter}");
    await screen.findByRole("heading", { name: "This link doesn't work any more" });
    expect(screen.getByRole("link", { name: "Ask for another link" })).toBeTruthy();
  });

  test("of “this wasn't me” waits for a press", async () => {
    history.replaceState(null, "", "/not-me#token=t");
    arrive();
    const { user, client } = show({ at: "/not-me", auth: nobody });
    const notMe = vi.spyOn(client.auth, "notMe");
    const press = await screen.findByRole("button", { name: "Sign that device out" });
    expect(notMe).not.toHaveBeenCalled();
    await user.click(press);
    expect(notMe).toHaveBeenCalledWith("t");
    await screen.findByRole("heading", { name: "That device is signed out" });
  });
});

test("every reason for which a session ends has words of its own", () => {
  const reasons = [
    "session_revoked",
    "kicked",
    "credentials_changed",
    "account_disabled",
    "token_reuse",
    "mfa_failed",
    "session_expired",
  ];
  const said = reasons.map((reason) => whyEnded({ reason, by: { kind: "user" }, at: "" }));
  expect(new Set(said).size).toBe(reasons.length);
  expect(said[4]).toContain("for your security");
});

test("the theme is chosen, kept and followed", async () => {
  const { user } = show({ at: "/profile" });
  await screen.findByRole("heading", { name: "Profile" }, { timeout: 5000 });
  const theme = within(screen.getByRole("main")).getByRole("group", { name: "Theme" });
  await user.click(within(theme).getByLabelText("Dark"));
  expect(document.documentElement.dataset.theme).toBe("dark");
  expect(localStorage.getItem("gatehouse.theme")).toBe("dark");
  await user.click(within(theme).getByLabelText("System"));
  expect(document.documentElement.dataset.theme).toBeUndefined();
  await waitFor(() => expect(localStorage.getItem("gatehouse.theme")).toBeNull());
});
