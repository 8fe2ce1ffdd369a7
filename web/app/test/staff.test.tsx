import { act, screen, waitFor, within } from "@testing-library/react";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { refusal } from "./fake";
import { anEvent, everybody, users } from "./fixtures";
import { show } from "./show";

// The chunk, which is fetched once, so that no test waits for it.
beforeAll(async () => {
  await import("../src/staff/Staff");
});

const rows = () => screen.getAllByRole("row").slice(1);

describe("sessions", () => {
  test("are one row each, with the total, and end with a reason and a message", async () => {
    const { user, client } = show({ at: "/staff/sessions" });
    await screen.findByText("5,000 sessions, live");
    expect(rows()).toHaveLength(24);
    const end = vi.spyOn(client.admin.sessions, "end");
    await user.click(within(rows()[0] as HTMLElement).getByRole("button", { name: /^End session/ }));
    const dialog = screen.getByRole("dialog", { name: "End this session?" });
    expect(document.activeElement).toBe(within(dialog).getByLabelText("Reason"));
    await user.keyboard("Lost phone");
    await user.type(within(dialog).getByLabelText("Message"), "Call me");
    await user.click(within(dialog).getByRole("button", { name: "End session" }));
    expect(end).toHaveBeenCalledWith(everybody()[0]?.id, { reason: "Lost phone", message: "Call me" });
    await waitFor(() => expect(rows()).toHaveLength(23));
  });

  test("stand still while they are paused, and say how much waits", async () => {
    const { user, all } = show({ at: "/staff/sessions" });
    await screen.findByText("5,000 sessions, live");
    await user.click(screen.getByRole("button", { name: "Pause" }));
    for (const total of [4999, 4998, 4997]) act(() => all.set({ sessions: all.get().sessions.slice(1), total }));
    expect(await screen.findByText("3 changes waiting")).toBeTruthy();
    expect(rows()).toHaveLength(24);
    await user.click(screen.getByRole("button", { name: "Resume" }));
    await waitFor(() => expect(rows()).toHaveLength(21));
    expect(screen.queryByText(/waiting/)).toBeNull();
  });

  test("are searched by what stands in the address, and typing changes that", async () => {
    const { user } = show({ at: "/staff/sessions?q=alan" });
    const box = await screen.findByRole<HTMLInputElement>("searchbox", { name: "Search sessions" });
    expect(box.value).toBe("alan");
    await waitFor(() => expect(rows()).toHaveLength(3));
    await user.clear(box);
    await user.type(box, "grace");
    await waitFor(() => expect(location.search).toBe("?q=grace"));
    await waitFor(() => expect(rows().every((row) => row.textContent?.includes("grace@"))).toBe(true));
  });

  test("give the focus to the next row's button when one goes", async () => {
    const { all } = show({ at: "/staff/sessions" });
    await screen.findByText("5,000 sessions, live");
    const [first, second] = rows().map((row) => within(row).getByRole("button"));
    act(() => first?.focus());
    act(() => all.set({ sessions: all.get().sessions.slice(1), total: 4999 }));
    await waitFor(() => expect(document.activeElement).toBe(second));
  });

  test("stay in the dialog with an error when they cannot be ended", async () => {
    const { user } = show({ at: "/staff/sessions" }, ({ client }) => {
      client.admin.sessions.end = async () => {
        throw refusal("forbidden", 403);
      };
    });
    await screen.findByText("5,000 sessions, live");
    await user.click(within(rows()[0] as HTMLElement).getByRole("button"));
    await user.click(within(screen.getByRole("dialog")).getByRole("button", { name: "End session" }));
    expect((await within(screen.getByRole("dialog")).findByRole("alert")).textContent).toContain(
      "You may not do that.",
    );
  });
});

describe("the audit", () => {
  const started = (n: number) => anEvent("session.started", { at: new Date().toISOString(), ip: `192.0.2.${n}` });

  test("says time, who, act and whom in words, and the id", async () => {
    show({ at: "/staff/audit" });
    const row = (await screen.findByText(/disabled the account/)).closest("tr") as HTMLElement;
    await waitFor(() => expect(row.textContent).toContain("Ada Lovelace disabled the account of Donald Knuth"));
    expect(row.textContent).toContain(users()[4]?.id);
    expect(row.textContent).toContain("Reason: Left the company");
  });

  test("grows on top while it is watched", async () => {
    const { audit } = show({ at: "/staff/audit" });
    await screen.findByText(/disabled the account/);
    act(() => audit(started(1)));
    expect(rows()[0]?.textContent).toContain("192.0.2.1");
  });

  test("waits while it is paused, and then shows what came, newest first", async () => {
    const { user, audit } = show({ at: "/staff/audit" });
    await screen.findByText(/disabled the account/);
    const before = rows().length;
    await user.click(screen.getByRole("button", { name: "Pause" }));
    act(() => audit(started(1)));
    act(() => audit(started(2)));
    expect(screen.getByText("2 changes waiting")).toBeTruthy();
    expect(rows()).toHaveLength(before);
    await user.click(screen.getByRole("button", { name: "Resume" }));
    expect(
      rows()
        .slice(0, 2)
        .map((row) => row.textContent?.match(/192\.0\.2\.\d/)?.[0]),
    ).toEqual(["192.0.2.2", "192.0.2.1"]);
  });

  test("reads the list again when something may have been missed, at once or after the pause", async () => {
    let gap = () => {};
    const { user, client } = show({ at: "/staff/audit" }, ({ client }) => {
      client.admin.audit.watch = (_cb, onGap) => {
        gap = () => onGap?.();
        return () => {};
      };
    });
    await screen.findByText(/disabled the account/);
    const list = vi.spyOn(client.admin.audit, "list");
    act(() => gap());
    await waitFor(() => expect(list).toHaveBeenCalledTimes(1));
    await user.click(screen.getByRole("button", { name: "Pause" }));
    act(() => gap());
    expect(list).toHaveBeenCalledTimes(1);
    await user.click(screen.getByRole("button", { name: "Resume" }));
    await waitFor(() => expect(list).toHaveBeenCalledTimes(2));
  });

  test("shows only what was asked for, also of what happens now", async () => {
    const { audit } = show({ at: "/staff/audit?action=user.roles" });
    await screen.findByText(/set the roles/);
    const before = rows().length;
    act(() => audit(started(3)));
    expect(rows()).toHaveLength(before);
    act(() => audit(anEvent("user.roles", { details: { roles: "[user]" } })));
    expect(rows()).toHaveLength(before + 1);
  });
});

describe("jobs", () => {
  test("are tried again and change in their place", async () => {
    const { job } = show({ at: "/staff/jobs" });
    await screen.findByText("550 mailbox unavailable");
    const dead = rows()[0] as HTMLElement;
    const id = dead.dataset.row ?? "";
    act(() =>
      job({
        id,
        kind: "mail",
        state: "done",
        attempts: 11,
        run_at: new Date().toISOString(),
        created_at: new Date().toISOString(),
      }),
    );
    expect(rows()[0]?.textContent).toContain("Done");
    expect(rows()).toHaveLength(4);
  });

  test("are gone when they are removed, and the focus goes on", async () => {
    const { user } = show({ at: "/staff/jobs" });
    await screen.findByText("550 mailbox unavailable");
    await user.click(within(rows()[0] as HTMLElement).getByRole("button", { name: /^Remove/ }));
    await waitFor(() => expect(rows()).toHaveLength(3));
    expect(document.activeElement).toBe(within(rows()[0] as HTMLElement).getByRole("button", { name: /^Remove/ }));
  });
});

test("numbers that cannot be had keep the old ones, dimmed, with another try", async () => {
  let down = false;
  const { user } = show({ at: "/staff" }, ({ client }) => {
    const really = client.admin.stats;
    client.admin.stats = async () => {
      if (down) throw refusal("network", 0);
      return really();
    };
    down = true;
  });
  expect((await screen.findByRole("alert")).textContent).toContain("The hub's numbers can't be shown.");
  down = false;
  await user.click(screen.getByRole("button", { name: "Try again" }));
  await waitFor(() => expect(screen.queryByRole("alert")).toBeNull());
  expect(screen.getByRole("region", { name: "Connections" }).textContent).toMatch(/\d,\d{3}/);
});

test("roles are saved as chosen", async () => {
  const grace = users()[0] as ReturnType<typeof users>[number];
  const { user, client } = show({ at: `/staff/users/${grace.id}` });
  const setRoles = vi.spyOn(client.admin.users, "setRoles");
  await user.click(await screen.findByRole("checkbox", { name: /Admin/ }));
  await user.click(screen.getByRole("checkbox", { name: /Moderator/ }));
  await user.click(screen.getByRole("button", { name: "Save roles" }));
  expect(setRoles).toHaveBeenCalledWith(grace.id, ["user", "moderator"]);
});
