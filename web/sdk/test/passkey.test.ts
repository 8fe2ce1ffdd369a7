import { describe, expect, it, vi } from "vitest";
import type { Members } from "./golden.js";
import { answer, pass, problem } from "./hub.js";
import { hub, refusal, signedIn, tab } from "./setup.js";

const bytes = (...of: number[]) => new Uint8Array(of).buffer;

/** A browser with passkeys. Without json it lacks the helpers of WebAuthn Level 3. */
function authenticator({ json, autofill = false }: { json: boolean; autofill?: boolean }) {
  const asked: { publicKey: Members; mediation?: string; signal?: AbortSignal }[] = [];
  vi.stubGlobal("PublicKeyCredential", {
    ...(json && {
      parseRequestOptionsFromJSON: (options: Members) => ({ ...options, parsed: true }),
      parseCreationOptionsFromJSON: (options: Members) => ({ ...options, parsed: true }),
    }),
    isConditionalMediationAvailable: async () => autofill,
  });
  const state = { asked, credential: credential(json) as unknown, pending: false };
  let pending = 0;
  const ask = (options: (typeof asked)[number]) => {
    asked.push(options);
    if (pending) return Promise.reject(new DOMException("A request is already pending", "OperationError"));
    if (!state.pending)
      return state.credential instanceof Error ? Promise.reject(state.credential) : Promise.resolve(state.credential);
    pending++;
    return new Promise((_, reject) =>
      options.signal?.addEventListener("abort", () => {
        pending--;
        reject(new DOMException("", "AbortError"));
      }),
    );
  };
  Object.defineProperty(navigator, "credentials", { configurable: true, value: { get: ask, create: ask } });
  return state;
}

/** As browsers make them: members are enumerable getters of a prototype. */
function credential(json: boolean) {
  const members = {
    clientDataJSON: bytes(251, 255, 254),
    signature: bytes(1),
    userHandle: null,
    getTransports: () => ["internal"],
  };
  const prototype = {};
  for (const [name, value] of Object.entries(members))
    Object.defineProperty(prototype, name, { enumerable: true, get: () => value });
  return {
    id: "-_8",
    rawId: bytes(251, 255),
    type: "public-key",
    response: Object.create(prototype),
    getClientExtensionResults: () => ({ credProps: { rk: true } }),
    ...(json && { toJSON: () => ({ id: "native" }) }),
  };
}

const options = {
  challenge: "-_-_AQ",
  rp: { id: "hub.test", name: "Hub" },
  user: { id: "AQI", name: "ada", displayName: "Ada" },
  allowCredentials: [{ id: "-_8", type: "public-key" }],
  timeout: 300000,
};

const flat = (v: unknown) =>
  JSON.parse(JSON.stringify(v, (_, x) => (ArrayBuffer.isView(x) ? [...(x as Uint8Array)] : x)));

function ceremonies() {
  hub.handlers["POST /auth/passkey/options"] = () => answer({ ceremony: "cer-1", options });
  hub.handlers["POST /auth/passkey"] = ({ body }) =>
    body.ceremony === "cer-1" ? hub.signIn() : problem(410, "grant_expired");
}

describe("passkeys", () => {
  it("sign in, with the browser's own JSON helpers", async () => {
    ceremonies();
    const browser = authenticator({ json: true });
    const gh = tab();
    await gh.auth.signIn.passkey();
    expect(gh.auth.state.get().status).toBe("signed_in");
    expect(browser.asked[0]?.publicKey).toMatchObject({ parsed: true, challenge: "-_-_AQ" });
    expect(hub.requests.find((r) => r.operation === "POST /auth/passkey")?.body).toMatchObject({
      ceremony: "cer-1",
      credential: { id: "native" },
    });
  });

  it("sign in without them", async () => {
    ceremonies();
    const browser = authenticator({ json: false });
    await tab().auth.signIn.passkey();
    expect(flat(browser.asked[0]?.publicKey)).toEqual({
      ...options,
      challenge: [251, 255, 191, 1],
      user: { id: [1, 2], name: "ada", displayName: "Ada" },
      allowCredentials: [{ id: [251, 255], type: "public-key" }],
    });
    expect(hub.requests.find((r) => r.operation === "POST /auth/passkey")?.body).toMatchObject({
      credential: {
        id: "-_8",
        rawId: "-_8",
        type: "public-key",
        response: { clientDataJSON: "-__-", signature: "AQ", transports: ["internal"] },
        clientExtensionResults: { credProps: { rk: true } },
      },
    });
  });

  it("that are cancelled leave everything as it was", async () => {
    ceremonies();
    authenticator({ json: true }).credential = new DOMException("", "NotAllowedError");
    const gh = tab();
    expect(await refusal(gh.auth.signIn.passkey())).toMatchObject({
      name: "GatehouseError",
      code: "cancelled",
      status: 0,
    });
    expect(gh.auth.state.get()).toEqual({ status: "signed_out", reason: "none" });
  });

  it("are unsupported where there are none", async () => {
    ceremonies();
    vi.stubGlobal("PublicKeyCredential", undefined);
    const gh = tab();
    expect(await refusal(gh.auth.signIn.passkey())).toMatchObject({ code: "unsupported" });
    expect(await gh.auth.signIn.passkeyAutofill()).toBe(false);
  });

  it("are a second factor, and a step-up", async () => {
    authenticator({ json: true });
    hub.handlers["POST /auth/login"] = () =>
      answer({ status: "mfa_required", mfa_token: "mfa-1", methods: ["passkey"], expires_in: 300 });
    hub.handlers["POST /auth/mfa/passkey/options"] = ({ body }) => answer({ ceremony: body.mfa_token, options });
    hub.handlers["POST /auth/mfa/passkey"] = ({ body }) =>
      body.ceremony === "mfa-1" && body.mfa_token === "mfa-1" ? hub.signIn() : problem(410, "grant_expired");
    const gh = tab();
    await gh.auth.signIn.password({ email: "a@b.c", password: "right" });
    await gh.auth.mfa.passkey();
    expect(gh.auth.state.get().status).toBe("signed_in");
    hub.handlers["POST /auth/reauthenticate/options"] = ({ token }) => answer({ ceremony: token, options });
    hub.handlers["POST /auth/reauthenticate"] = ({ body, token }) =>
      body.ceremony === token ? hub.signIn(hub.cookie) : problem(410, "grant_expired");
    await gh.auth.reauthenticate("passkey");
    expect(await gh.auth.getToken()).toBe("token-2");
  });

  describe("in the autofill", () => {
    it("sign in when one is taken", async () => {
      ceremonies();
      const browser = authenticator({ json: true, autofill: true });
      const gh = tab();
      expect(await gh.auth.signIn.passkeyAutofill()).toBe(true);
      expect(browser.asked[0]).toMatchObject({ mediation: "conditional" });
      expect(gh.auth.state.get().status).toBe("signed_in");
    });

    it("are not offered where the browser cannot", async () => {
      authenticator({ json: true, autofill: false });
      expect(await tab().auth.signIn.passkeyAutofill()).toBe(false);
      expect(hub.requests).toEqual([]);
    });

    it.each(["signal", "passkey", "password"])("give way (%s)", async (to) => {
      ceremonies();
      const browser = authenticator({ json: true, autofill: true });
      browser.pending = true;
      const stop = new AbortController();
      const gh = tab();
      const offered = gh.auth.signIn.passkeyAutofill({ signal: stop.signal });
      await vi.waitFor(() => expect(browser.asked.length).toBe(1));
      browser.pending = false;
      if (to === "signal") stop.abort();
      else if (to === "passkey") await gh.auth.signIn.passkey();
      else await gh.auth.signIn.password({ email: "a@b.c", password: "right" });
      expect(await offered).toBe(false);
      expect(gh.auth.state.get().status).toBe(to === "signal" ? "signed_out" : "signed_in");
    });
  });
});

describe("factors", () => {
  it("are listed, added and removed", async () => {
    const gh = await signedIn();
    authenticator({ json: true });
    const at = (operation: string, body: unknown = undefined) => {
      hub.handlers[operation] = (r) => answer(body ?? r.body, 200);
    };
    at("GET /auth/factors", { passkeys: [] });
    at("POST /auth/factors/totp", { secret: "S" });
    at("POST /auth/factors/totp/confirm", { recovery_codes: ["a"] });
    at("DELETE /auth/factors/totp");
    at("POST /auth/factors/recovery-codes", { recovery_codes: ["b"] });
    at("POST /auth/factors/passkeys/options", { ceremony: "cer-2", options });
    at("POST /auth/factors/passkeys");
    at("PATCH /auth/factors/passkeys/pky_1");
    at("DELETE /auth/factors/passkeys/pky_1");
    at("DELETE /auth/identities/github");
    expect(await gh.factors.list()).toEqual({ passkeys: [] });
    expect(await gh.factors.totp.begin()).toEqual({ secret: "S" });
    expect(await gh.factors.totp.confirm("123 456")).toEqual({ recovery_codes: ["a"] });
    expect(hub.requests.at(-1)?.body).toEqual({ code: "123456" });
    expect(await gh.factors.recoveryCodes()).toEqual({ recovery_codes: ["b"] });
    expect(await gh.factors.passkeys.add("Key")).toEqual({
      ceremony: "cer-2",
      credential: { id: "native" },
      name: "Key",
    });
    await gh.factors.passkeys.rename("pky_1", "Other");
    expect(hub.requests.at(-1)?.body).toEqual({ name: "Other" });
    await gh.factors.passkeys.remove("pky_1");
    await gh.factors.totp.remove();
    await gh.factors.unlink("github");
    expect(hub.requests.at(-1)?.operation).toBe("DELETE /auth/identities/github");
  });

  it("set up where one is a duty let the socket in", async () => {
    const gh = await signedIn();
    hub.socket.say("error before a close", { code: "mfa_setup_required" });
    hub.socket.shut(4509, "unauthenticated");
    await pass(10_000);
    expect(gh.socket.state.get()).toBe("closed");
    hub.handlers["POST /auth/factors/totp/confirm"] = () => answer({ recovery_codes: [] });
    await gh.factors.totp.confirm("123456");
    await pass();
    expect(gh.socket.state.get()).toBe("open");
  });

  it("link an account at a provider", async () => {
    const gh = await signedIn();
    const to = vi.spyOn(location, "assign").mockImplementation(() => {});
    hub.handlers["POST /auth/oauth/github/link"] = ({ body }) =>
      answer({ url: `https://github.test/?${body.redirect_to}` });
    await gh.factors.link("github", { redirectTo: "/security" });
    expect(to).toHaveBeenCalledWith("https://github.test/?/security");
  });
});

describe("the account", () => {
  it("is changed by calls of the contract", async () => {
    const gh = await signedIn();
    const ops = [
      "PATCH /auth/me",
      "POST /auth/password",
      "POST /auth/password/forgot",
      "POST /auth/password/reset",
      "POST /auth/email/verify",
      "POST /auth/email/resend",
      "POST /auth/email/change",
      "POST /auth/not-me",
    ];
    for (const op of ops) hub.handlers[op] = ({ body }) => answer(body);
    hub.handlers["GET /auth/activity"] = ({ query }) => answer({ events: [], next_cursor: query.get("cursor") });
    hub.handlers["GET /auth/options"] = () => answer({ providers: ["github"] });
    hub.requests = [];
    await gh.auth.updateProfile({ name: "Ada L" });
    await gh.auth.changePassword({ currentPassword: "a", newPassword: "b" });
    await gh.auth.forgotPassword("a@b.c");
    await gh.auth.resetPassword({ token: "t", newPassword: "b" });
    await gh.auth.verifyEmail("t");
    await gh.auth.resendVerification("a@b.c");
    await gh.auth.changeEmail("a@b.c");
    await gh.auth.notMe("t");
    expect(hub.requests.map((r) => [r.operation, r.body])).toEqual([
      ["PATCH /auth/me", { name: "Ada L" }],
      ["POST /auth/password", { current_password: "a", new_password: "b" }],
      ["POST /auth/password/forgot", { email: "a@b.c" }],
      ["POST /auth/password/reset", { token: "t", new_password: "b" }],
      ["POST /auth/email/verify", { token: "t" }],
      ["POST /auth/email/resend", { email: "a@b.c" }],
      ["POST /auth/email/change", { email: "a@b.c" }],
      ["POST /auth/not-me", { token: "t" }],
    ]);
    expect(gh.auth.state.get()).toMatchObject({ user: { name: "Ada L", email: "ada@example.com" } });
    expect(await gh.auth.activity({ cursor: "c" })).toEqual({ events: [], next_cursor: "c" });
    expect(await gh.options()).toEqual({ providers: ["github"] });
  });

  it("may begin with the set-up link, and end", async () => {
    const gh = tab();
    hub.handlers["POST /auth/setup"] = ({ body }) =>
      body.token === "t" ? hub.signIn() : problem(410, "grant_expired");
    await gh.auth.setup({ token: "t", email: "a@b.c", password: "right" });
    expect(gh.auth.state.get().status).toBe("signed_in");
    hub.handlers["DELETE /auth/me"] = () => answer(undefined, 204);
    await gh.auth.deleteAccount();
    expect(gh.auth.state.get()).toEqual({ status: "signed_out", reason: "signed_out" });
  });
});
