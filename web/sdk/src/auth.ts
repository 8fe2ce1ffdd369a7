import { calls } from "./calls.js";
import type { Ceremony, SignIn } from "./gen/api.js";
import type { Http } from "./http.js";
import { canAutofill, passkey } from "./passkey.js";
import type { SessionCore } from "./session.js";
import type { Tabs } from "./tabs.js";
import type { Auth } from "./types.js";

/** A ceremony of the hub is good for five minutes. Autofill waits longer, so it begins anew before. */
const autofillLife = 270_000;

/** What is there from the start (index.ts). */
type Stay = Pick<Auth, "state" | "getToken" | "signOut" | "onForcedLogout">;

/** Signing in, and everything about one's own account. */
export function createAuth({ base }: Http, tabs: Tabs, core: SessionCore): Omit<Auth, keyof Stay> {
  let autofill: AbortController | undefined;

  const enter = (path: string, body: object) => core.ask(`POST /auth${path}`, { body }) as Promise<SignIn>;

  /** Shows a passkey for what begins and ends at the path. */
  async function show(path: string, body: object = {}, more?: object) {
    const begun = (await core.ask(`POST /auth${path}/options`, { body })) as Ceremony;
    await enter(path, { ...body, ...(await passkey("get", begun, more)) });
  }

  async function pay(kind: string, text: string) {
    const mfa_token = core.mfaToken();
    const code = text.replace(/\s/g, "");
    await enter(mfa_token ? `/mfa/${kind}` : "/reauthenticate", { mfa_token, code });
  }

  const api = calls<Auth & Auth["signIn"]>(core.ask, "/auth", {
    password: "POST /login",
    setup: "POST /setup",
    updateProfile: "PATCH /me",
    forgotPassword: "POST /password/forgot email",
    verifyEmail: "POST /email/verify token",
    resendVerification: "POST /email/resend email",
    changeEmail: "POST /email/change email",
    notMe: "POST /not-me token",
    activity: "GET /activity",
    signOutEverywhere: "POST /logout/all",
    deleteAccount: "DELETE /me",
  });

  const andLeave = (call: () => Promise<void>) => async () => {
    await call();
    core.leave("signed_out");
  };

  return {
    ...api,
    signUp: async (input) => (await enter("/register", input)).status,
    signIn: {
      password: api.password,
      oauth(provider, { redirectTo = "/" } = {}) {
        if (!core.id()) tabs.setMark("oauth");
        location.assign(`${base}/auth/oauth/${provider}?redirect_to=${encodeURIComponent(redirectTo)}`);
      },
      passkey() {
        autofill?.abort();
        return show("/passkey");
      },
      async passkeyAutofill({ signal } = {}) {
        if (!(await canAutofill())) return false;
        autofill?.abort();
        const mine = new AbortController();
        autofill = mine;
        const left = core.state.subscribe(() => core.is("signed_out") || mine.abort());
        const stop = AbortSignal.any(signal ? [mine.signal, signal] : [mine.signal]);
        while (!stop.aborted) {
          const again = AbortSignal.any([stop, AbortSignal.timeout(autofillLife)]);
          try {
            await show("/passkey", {}, { mediation: "conditional", signal: again });
            return true;
          } catch (error) {
            if (!again.aborted) throw error;
          }
        }
        left();
        return false;
      },
    },
    mfa: {
      totp: (code) => pay("totp", code),
      recoveryCode: (code) => pay("recovery-code", code),
      passkey() {
        const mfa_token = core.mfaToken();
        return mfa_token ? show("/mfa/passkey", { mfa_token }) : show("/reauthenticate");
      },
      cancel() {
        if (core.mfaToken()) core.leave("none");
        else if (core.is("mfa_required")) core.signOut();
      },
    },
    async reauthenticate(proof) {
      await (proof === "passkey" ? show("/reauthenticate") : enter("/reauthenticate", proof));
    },
    async updateProfile(input) {
      const user = await api.updateProfile(input);
      core.patch(user);
      return user;
    },
    changePassword: ({ currentPassword, newPassword }) =>
      enter("/password", { current_password: currentPassword, new_password: newPassword }) as Promise<never>,
    resetPassword: ({ token, newPassword }) =>
      enter("/password/reset", { token, new_password: newPassword }) as Promise<never>,
    signOutEverywhere: andLeave(api.signOutEverywhere),
    deleteAccount: andLeave(api.deleteAccount),
  };
}
