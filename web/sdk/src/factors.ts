import { calls } from "./calls.js";
import type { Ceremony } from "./gen/api.js";
import { passkey } from "./passkey.js";
import type { SessionCore } from "./session.js";
import type { Socket } from "./socket.js";
import type { FactorsClient } from "./types.js";

export function createFactors(core: SessionCore, socket: Socket): FactorsClient {
  const base = "/auth/factors";
  const totp = calls<FactorsClient["totp"]>(core.ask, `${base}/totp`, {
    begin: "POST",
    confirm: "POST /confirm code",
    remove: "DELETE",
  });
  const passkeys = calls<FactorsClient["passkeys"] & { begin(): Promise<Ceremony>; finish(body: object): never }>(
    core.ask,
    `${base}/passkeys`,
    { begin: "POST /options", finish: "POST", rename: "PATCH /$ name", remove: "DELETE /$" },
  );

  /** A first factor may lift what kept the socket away. */
  async function enrol<T>(answer: Promise<T>): Promise<T> {
    const got = await answer;
    socket.open();
    return got;
  }

  return {
    ...calls<Pick<FactorsClient, "list" | "recoveryCodes" | "unlink">>(core.ask, "", {
      list: `GET ${base}`,
      recoveryCodes: `POST ${base}/recovery-codes`,
      unlink: "DELETE /auth/identities/$",
    }),
    totp: { ...totp, confirm: (code) => enrol(totp.confirm(code.replace(/\s/g, ""))) },
    passkeys: {
      ...passkeys,
      add: async (name) => enrol(passkeys.finish({ ...(await passkey("create", await passkeys.begin())), name })),
    },
    async link(provider, { redirectTo } = {}) {
      const body = { redirect_to: redirectTo };
      location.assign(((await core.ask(`POST /auth/oauth/${provider}/link`, { body })) as { url: string }).url);
    },
  };
}
