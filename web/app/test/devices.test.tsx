import { act, screen, waitFor, within } from "@testing-library/react";
import { describe, expect, test, vi } from "vitest";
import { refusal } from "./fake";
import { aSession, devices } from "./fixtures";
import { held, show } from "./show";

const list = () => screen.findByRole("list", { name: "Devices" });
const row = async (name: string) => {
  const found = within(await list())
    .getAllByRole("listitem")
    .find((li) => li.textContent?.includes(name));
  if (!found) throw new Error(`no row ${name}`);
  return found;
};
const button = (name: string | RegExp) => screen.findByRole("button", { name });

describe("a row", () => {
  test("says what a device is, and that this is the one in use", async () => {
    show();
    const mine = await row("Chrome on macOS");
    expect(mine.textContent).toContain("This device");
    expect(mine.textContent).toContain("Online");
    expect(mine.textContent).toContain("3 tabs");
    expect(mine.textContent).toContain("Berlin, Germany (approximate)");
    expect(mine.textContent).toContain("Password and authenticator code");
    const away = await row("build server");
    expect(away.textContent).toContain("Location unknown");
    expect(away.textContent).toMatch(/Last active/);
  });

  test("begins its buttons with what they do, and names the device", async () => {
    show();
    const buttons = within(await row("Work laptop")).getAllByRole("button");
    expect(buttons.map((b) => b.getAttribute("aria-label"))).toEqual(["Rename Work laptop", "Sign out Work laptop"]);
  });
});

describe("renaming", () => {
  test("saves with Enter, and gives the focus back to the button", async () => {
    const { user } = show();
    await user.click(await button("Rename Work laptop"));
    const box = screen.getByRole("textbox", { name: "Name" });
    expect(document.activeElement).toBe(box);
    await user.clear(box);
    await user.type(box, "Desk  {Enter}");
    await waitFor(async () => expect(document.activeElement).toBe(await button("Rename Desk")));
  });

  test("leaves everything as it was with Esc", async () => {
    const { user, client } = show();
    const rename = vi.spyOn(client.sessions, "rename");
    await user.click(await button("Rename Work laptop"));
    await user.keyboard("other{Escape}");
    expect(document.activeElement).toBe(await button("Rename Work laptop"));
    expect(rename).not.toHaveBeenCalled();
  });

  test("counts characters as the hub does, and keeps the focus where it is too long", async () => {
    const { user, client } = show();
    const rename = vi.spyOn(client.sessions, "rename");
    await user.click(await button("Rename Work laptop"));
    const box = screen.getByRole("textbox", { name: "Name" });
    await user.clear(box);
    await user.paste(`${"🏰".repeat(65)}`);
    await user.keyboard("{Enter}");
    expect(screen.getByRole("alert").textContent).toContain("65 of at most 64");
    expect(document.activeElement).toBe(box);
    await user.clear(box);
    await user.paste("🏰".repeat(64));
    await user.keyboard("{Enter}");
    await waitFor(() => expect(rename).toHaveBeenCalledTimes(1));
  });

  test("shows markup as text", async () => {
    const { user } = show();
    await user.click(await button("Rename Work laptop"));
    const box = screen.getByRole("textbox", { name: "Name" });
    await user.clear(box);
    await user.paste("<script>alert(1)</script>");
    await user.keyboard("{Enter}");
    expect((await row("<script>alert(1)</script>")).querySelector("script")).toBeNull();
  });

  test("keeps what is typed when the hub refuses, and when the row changes meanwhile", async () => {
    const { user, devices: store } = show({}, ({ client }) => {
      client.sessions.rename = async () => {
        throw refusal("network", 0);
      };
    });
    await user.click(await button("Rename Work laptop"));
    const box = screen.getByRole<HTMLInputElement>("textbox", { name: "Name" });
    await user.clear(box);
    await user.type(box, "Desk{Enter}");
    expect((await screen.findByRole("alert")).textContent).toContain("Can't reach the hub");
    act(() => store.set(store.get()?.map((s) => (s.name === "Work laptop" ? { ...s, name: "Elsewhere" } : s))));
    expect(box.value).toBe("Desk");
    expect(document.activeElement).toBe(box);
  });
});

describe("signing a device out", () => {
  test("takes one press, and says so", async () => {
    const { user } = show();
    await user.click(await button("Sign out Work laptop"));
    await waitFor(() => expect(screen.queryByRole("button", { name: "Sign out Work laptop" })).toBeNull());
    await waitFor(() => expect(screen.getByRole("status").textContent).toContain("Work laptop was signed out."));
  });

  test("keeps the row while the call is under way, and brings it back with an error where it fails", async () => {
    const call = held();
    const { user, client } = show({}, ({ client }) => {
      client.sessions.revoke = () => call.promise;
    });
    const out = await button("Sign out Work laptop");
    await user.click(out);
    expect((await row("Work laptop")).getAttribute("aria-busy")).toBe("true");
    await user.click(out); // a second press is no second call
    await act(async () => call.reject(refusal("network", 0)));
    const failed = await row("Work laptop");
    expect(failed.getAttribute("aria-busy")).toBeNull();
    expect(within(failed).getByRole("alert").textContent).toContain("Not signed out. Can't reach the hub");
    const again = vi.spyOn(client.sessions, "revoke").mockResolvedValue();
    await user.click(within(failed).getByRole("button", { name: "Try again" }));
    expect(again).toHaveBeenCalledTimes(1);
  });

  test("signs this one out as ever", async () => {
    const { user, client } = show();
    const revoke = vi.spyOn(client.sessions, "revoke");
    await user.click(await button("Sign out Chrome on macOS"));
    expect(revoke).toHaveBeenCalledWith(devices()[0]?.id); // of one's own it is an ordinary sign-out
  });
});

describe("the focus", () => {
  test("goes to the same button of the row that takes the place", async () => {
    const { user } = show();
    await user.click(await button("Sign out Ada's iPhone"));
    await waitFor(async () => expect(document.activeElement).toBe(await button("Sign out Work laptop")));
  });

  test("goes to the last row when the last one goes, and to the heading when none is left", async () => {
    const { user, devices: store } = show();
    await user.click(await button("Sign out build server"));
    await waitFor(async () => expect(document.activeElement).toBe(await button("Sign out Work laptop")));
    act(() => store.set([]));
    await waitFor(() => expect(document.activeElement).toBe(screen.getByRole("heading", { name: "Devices" })));
  });

  test("stays where it is when another row goes", async () => {
    const { devices: store } = show();
    const mine = await button("Rename Ada's iPhone");
    act(() => mine.focus());
    act(() => store.set(store.get()?.filter((s) => s.name !== "Work laptop")));
    await waitFor(() => expect(screen.queryByRole("button", { name: "Sign out Work laptop" })).toBeNull());
    expect(document.activeElement).toBe(mine);
  });
});

describe("all other devices", () => {
  test("are named before they are signed out", async () => {
    const { user } = show();
    await user.click(await button("Sign out all other devices"));
    const dialog = screen.getByRole("dialog", { name: "Sign out all other devices?" });
    expect(
      within(dialog)
        .getAllByRole("listitem")
        .map((li) => li.textContent),
    ).toEqual(["Ada's iPhone", "Work laptop", "build server"]);
    await user.click(within(dialog).getByRole("button", { name: "Sign out 3 devices" }));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(within(await list()).getAllByRole("listitem")).toHaveLength(1);
  });

  test("cannot be signed out where there are none, and the button says why", async () => {
    show({ devices: devices().slice(0, 1) });
    const all = await button("Sign out all other devices");
    expect(all).toHaveProperty("disabled", true);
    expect(document.getElementById(all.getAttribute("aria-describedby") ?? "")?.textContent).toBe(
      "No other device is signed in",
    );
  });

  test("ask for a credential when the last sign-in is old, and go on from there", async () => {
    let shown = false;
    const { user, client } = show({}, ({ client }) => {
      const really = client.sessions.revokeOthers;
      client.sessions.revokeOthers = async () => {
        if (!shown) throw refusal("step_up_required", 403, { methods: ["password", "totp"] });
        await really();
      };
      client.auth.reauthenticate = async (proof) => {
        if (typeof proof === "object" && "password" in proof && proof.password !== "right")
          throw refusal("invalid_credentials", 401);
        shown = true;
      };
    });
    const again = vi.spyOn(client.sessions, "revokeOthers");
    await user.click(await button("Sign out all other devices"));
    await user.click(await button("Sign out 3 devices"));
    const dialog = await screen.findByRole("dialog", { name: "Confirm that it's you" });
    const password = within(dialog).getByLabelText("Password");
    await user.type(password, "wrong{Enter}");
    expect(await within(dialog).findByText("That isn't your password.")).toBeTruthy();
    expect(document.activeElement).toBe(password);
    await user.clear(password);
    await user.type(password, "right{Enter}");
    await waitFor(async () => expect(within(await list()).getAllByRole("listitem")).toHaveLength(1));
    expect(again).toHaveBeenCalledTimes(2);
  });

  test("stay when somebody thinks better of the credential, without an error", async () => {
    const { user } = show({}, ({ client }) => {
      client.sessions.revokeOthers = async () => {
        throw refusal("step_up_required", 403, { methods: ["password"] });
      };
    });
    await user.click(await button("Sign out all other devices"));
    await user.click(await button("Sign out 3 devices"));
    const dialog = await screen.findByRole("dialog", { name: "Confirm that it's you" });
    await user.click(within(dialog).getByRole("button", { name: "Close" }));
    await waitFor(() => expect(screen.queryByRole("dialog", { name: "Confirm that it's you" })).toBeNull());
    expect(screen.queryByRole("alert")).toBeNull();
    expect(within(await list()).getAllByRole("listitem")).toHaveLength(4);
  });
});

describe("a new device", () => {
  const intruder = aSession(9, { name: "Chrome on Windows", ip: "198.51.100.9" });

  test("is told at once in the status region, takes no focus, and is ended in one press", async () => {
    const { user, client, devices: store } = show();
    const mine = await button("Rename Work laptop");
    act(() => mine.focus());
    act(() => store.set([...(store.get() ?? []), intruder]));
    const region = screen.getByRole("status");
    await waitFor(() => expect(region.textContent).toContain("Chrome on Windows just signed in."));
    expect(document.activeElement).toBe(mine);
    const revoke = vi.spyOn(client.sessions, "revoke");
    await user.click(within(region).getByRole("button", { name: "This wasn't me" }));
    expect(revoke).toHaveBeenCalledWith(intruder.id);
    await waitFor(() => expect(region.textContent).toContain("Chrome on Windows is signed out."));
  });

  test("stays told until somebody dismisses it, or it leaves by itself", async () => {
    const { user, devices: store } = show();
    await list();
    act(() => store.set([...(store.get() ?? []), intruder]));
    const region = screen.getByRole("status");
    await user.click(await within(region).findByRole("button", { name: "Dismiss" }));
    expect(region.textContent).not.toContain("just signed in");
    const other = { ...intruder, id: `${intruder.id}X`, name: "Edge on Windows" };
    act(() => store.set([...(store.get() ?? []), other]));
    await within(region).findByText("Edge on Windows just signed in.");
    act(() => store.set(store.get()?.filter((s) => s.id !== other.id)));
    await waitFor(() => expect(region.textContent).not.toContain("just signed in"));
  });

  test("is no news when the list is first known, nor when this very device is listed", async () => {
    show();
    await list();
    expect(screen.getByRole("status").textContent).not.toContain("just signed in");
  });
});

test("a list that cannot be had says so and is tried again; an old one stays, dimmed", async () => {
  let fail: (error: Error) => void = () => {};
  const { user, client } = show({}, ({ client, devices: store }) => {
    client.sessions.watch = (cb, onError) => {
      fail = (error) => onError?.(error);
      return store.subscribe(() => cb(store.get() ?? []));
    };
  });
  act(() => fail(refusal("unavailable", 503)));
  expect((await screen.findByRole("alert")).textContent).toContain("Your devices can't be shown.");
  vi.spyOn(client.sessions, "list");
  await user.click(screen.getByRole("button", { name: "Try again" }));
  expect(await row("Work laptop")).toBeTruthy();
  expect(screen.queryByRole("alert")).toBeNull();
  act(() => fail(refusal("network", 0)));
  expect((await screen.findByRole("alert")).textContent).toContain("This list may be old.");
  expect(await row("Work laptop")).toBeTruthy();
});

test("while the socket is away the region says so, and the buttons still work", async () => {
  const { socket, user } = show();
  await list();
  act(() => socket.set("reconnecting"));
  await waitFor(() => expect(screen.getByRole("status").textContent).toContain("Reconnecting…"));
  await user.click(await button("Sign out Work laptop"));
  await waitFor(() => expect(screen.queryByRole("button", { name: "Sign out Work laptop" })).toBeNull());
  act(() => socket.set("open"));
  await waitFor(() => expect(screen.getByRole("status").textContent).not.toContain("Reconnecting…"));
});
