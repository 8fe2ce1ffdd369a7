import { act, cleanup, render } from "@testing-library/react";
import { type ReactNode, StrictMode } from "react";
import { renderToString } from "react-dom/server";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Client } from "../src/index.js";
import {
  AuthLoading,
  GatehouseProvider,
  RequireRole,
  SignedIn,
  SignedOut,
  useAdminSessions,
  useAuth,
  useConnection,
  useDevices,
  useOnline,
} from "../src/react.js";
import { laptop, type Members, phone } from "./golden.js";
import { answer, kicked, pass, problem } from "./hub.js";
import { hub, refusal, signedIn, tab } from "./setup.js";

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
afterEach(cleanup);

const settle = (ms = 0) => act(async () => void (await pass(ms)));
const text = () => document.body.textContent;

function show(client: Client, children: ReactNode) {
  return render(
    <StrictMode>
      <GatehouseProvider client={client}>{children}</GatehouseProvider>
    </StrictMode>,
  );
}

const Page = () => (
  <>
    <AuthLoading>loading </AuthLoading>
    <SignedIn>in </SignedIn>
    <SignedOut>out </SignedOut>
    {useAuth().status} {useConnection()}
  </>
);

describe("who is signed in", () => {
  it("is shown in StrictMode with one socket and one refresh", async () => {
    hub.remember();
    show(tab(), <Page />);
    expect(text()).toBe("loading loading connecting");
    await settle();
    expect(text()).toBe("in signed_in open");
    await settle(1000);
    expect([hub.sockets.length, hub.count("POST /auth/refresh")]).toEqual([1, 1]);
    await act(async () => hub.end(hub.cookie));
    expect(text()).toBe("out signed_out closed");
  });

  it("goes on when the tree is unmounted and mounted again", async () => {
    const gh = await signedIn();
    show(gh, <Page />).unmount();
    show(gh, <Page />);
    await settle(1000);
    expect([text(), hub.sockets.length]).toEqual(["in signed_in open", 1]);
  });

  it("is not known to a rendering server", () => {
    hub.remember();
    const html = renderToString(
      <GatehouseProvider client={tab()}>
        <Page />
      </GatehouseProvider>,
    );
    expect(html).toContain("loading");
  });

  it("decides by role, and admins may everything", async () => {
    hub.roles = ["user", "moderator"];
    const gh = await signedIn();
    show(
      gh,
      <>
        <RequireRole role="moderator" fallback="no ">
          yes{" "}
        </RequireRole>
        <RequireRole role={["admin", "moderator"]}>either </RequireRole>
        <RequireRole role="admin" fallback="403">
          never
        </RequireRole>
      </>,
    );
    expect(text()).toBe("yes either 403");
    hub.roles = ["user", "admin"];
    await act(async () => hub.socket.say("auth.changed", { roles: hub.roles }));
    expect(text()).toBe("yes either never");
  });
});

let devices: ReturnType<typeof useDevices>;
function DevicesPage() {
  devices = useDevices();
  const { data, current, others, isLoading, error, pendingIds } = devices;
  if (isLoading) return "skeleton";
  return (
    <>
      {current?.name}|{others.map((d) => d.name + (pendingIds.has(d.id) ? "…" : "")).join()}|{data?.length ?? "none"}|
      {(error as { code?: string })?.code}
    </>
  );
}

describe("useDevices", () => {
  async function shown() {
    const gh = await signedIn();
    show(gh, <DevicesPage />);
    expect(text()).toBe("skeleton");
    await settle(20);
    await act(async () => hub.socket.say("devices.snapshot"));
    return gh;
  }

  it("is live, with one subscription for all who use it", async () => {
    const gh = await shown();
    expect(text()).toBe("Küche|Phone|2|");
    show(gh, <DevicesPage />);
    await settle(100);
    expect(text()).toBe("Küche|Phone|2|Küche|Phone|2|");
    await act(async () => hub.socket.say("devices.changed by an end", { seq: 42 }));
    expect(text()).toBe("Küche||1|Küche||1|");
    expect(hub.socket.got.filter((f) => f.type === "subscribe").length).toBe(1);
  });

  it("marks what is under way, and keeps the row of a call that fails", async () => {
    await shown();
    let refuse = (_: unknown) => {};
    hub.handlers[`DELETE /auth/sessions/${phone.id}`] = () => new Promise((done) => (refuse = done as never));
    let failed: Promise<unknown> = Promise.resolve();
    await act(async () => {
      failed = refusal(devices.revoke(phone.id));
    });
    expect(text()).toBe("Küche|Phone…|2|");
    await act(async () => refuse(problem(503, "unavailable")));
    expect(await failed).toMatchObject({ code: "unavailable" });
    expect(text()).toBe("Küche|Phone|2|");
  });

  it("renames, signs others out, and reads again", async () => {
    await shown();
    hub.handlers[`PATCH /auth/sessions/${phone.id}`] = ({ body }) => answer({ ...phone, ...body });
    await act(async () => void (await devices.rename(phone.id, "Pixel")));
    expect(text()).toBe("Küche|Pixel|2|");
    hub.handlers["POST /auth/logout/others"] = () => answer(undefined, 204);
    await act(async () => devices.revokeOthers());
    expect(text()).toBe("Küche||1|");
    hub.handlers["GET /auth/sessions"] = () => answer({ sessions: [laptop] });
    await act(async () => devices.refetch());
    hub.handlers["GET /auth/sessions"] = () => problem(503, "unavailable");
    await act(async () => devices.refetch());
    expect(text()).toBe("Küche||1|unavailable");
  });

  it("shows nothing of the person after the end", async () => {
    const gh = await shown();
    await act(async () => hub.end(hub.cookie, kicked));
    expect(gh.auth.state.get().status).toBe("signed_out");
    expect(text()).toBe("skeleton");
  });
});

const Dot = () => String(useOnline("usr_01JDKXQ6Z8W3V5T7R9PBNMKHGG"));

it("useOnline follows a user", async () => {
  show(await signedIn(), <Dot />);
  expect(text()).toBe("undefined");
  await settle(20);
  await act(async () => hub.socket.say("presence.snapshot"));
  expect(text()).toBe("false");
  await act(async () => hub.socket.say("presence.changed"));
  expect(text()).toBe("true");
});

let admin: ReturnType<typeof useAdminSessions>;
let draws = 0;
function Table({ q }: { q?: string }) {
  admin = useAdminSessions(q ? { q } : {});
  draws++;
  return <p>{admin.isLoading ? "skeleton" : `${admin.sessions?.length} of ${admin.total}, ${admin.buffered} wait`}</p>;
}

describe("useAdminSessions", () => {
  const say = (frame: Members) => act(async () => hub.socket.say(frame.type, frame));
  const row = (n: number) => ({ ...phone, id: `ses_${n}` });

  async function shown() {
    const gh = await signedIn();
    const page = show(gh, <Table />);
    await act(async () => vi.waitFor(() => expect(hub.socket.last("subscribe")).toBeDefined()));
    await say({ type: "sessions.snapshot", seq: 1, sessions: [row(1)], total: 10 });
    return { gh, page };
  }

  it("is live, drawn not more often than people see", async () => {
    await shown();
    expect(text()).toBe("1 of 10, 0 wait");
    draws = 0;
    for (let n = 2; n < 40; n++) await say({ type: "sessions.changed", seq: n, change: "added", session: row(n) });
    await settle(100);
    expect(text()).toBe("39 of 48, 0 wait");
    expect(draws).toBeLessThan(6);
  });

  it("pauses, counts what waits, and catches up", async () => {
    await shown();
    await act(async () => admin.setPaused(true));
    await say({ type: "sessions.changed", seq: 2, change: "added", session: row(2) });
    await say({ type: "sessions.changed", seq: 3, change: "added", session: row(3) });
    await settle(1000);
    expect([text(), admin.paused]).toEqual(["1 of 10, 2 wait", true]);
    await act(async () => admin.setPaused(false));
    expect([text(), admin.paused]).toEqual(["3 of 12, 0 wait", false]);
  });

  it("begins anew with another query", async () => {
    const { gh, page } = await shown();
    page.rerender(
      <StrictMode>
        <GatehouseProvider client={gh}>
          <Table q="ada" />
        </GatehouseProvider>
      </StrictMode>,
    );
    expect(text()).toBe("skeleton");
    await settle(50);
    expect(hub.socket.last("subscribe")).toMatchObject({ q: "ada" });
    await say({ type: "sessions.snapshot", seq: 1, sessions: [], total: 0 });
    expect(text()).toBe("0 of 0, 0 wait");
  });

  it("ends a session, and says what is under way", async () => {
    await shown();
    let done = (_: unknown) => {};
    hub.handlers["DELETE /admin/sessions/ses_1"] = () => new Promise((resolve) => (done = resolve as never));
    let ended: Promise<void> = Promise.resolve();
    await act(async () => {
      ended = admin.end("ses_1", { reason: "lost" });
      await pass();
    });
    expect([...admin.pendingIds]).toEqual(["ses_1"]);
    await act(async () => done(answer(undefined, 204)));
    await ended;
    expect([...admin.pendingIds]).toEqual([]);
  });

  it("says when the feed is refused", async () => {
    await shown();
    await act(async () => hub.socket.say("error of a lost feed"));
    expect(admin.error).toMatchObject({ code: "forbidden" });
  });
});

const Lost = () => useAuth().status;

it("hooks say when the provider is missing", () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  expect(() => render(<Lost />)).toThrow("GatehouseProvider is missing");
});
