import type { Ended } from "@gatehouse/client";

/** Why a session ended, for the person it belonged to: who first, then what that means. */
export function whyEnded({ reason, by }: Ended): string {
  switch (reason) {
    case "kicked":
      return `This device was signed out by an administrator${by.name ? `, ${by.name}` : ""}.`;
    case "credentials_changed":
      return by.kind === "admin"
        ? `An administrator${by.name ? `, ${by.name},` : ""} reset how you sign in, so every device was signed out.`
        : "Your password or sign-in methods were changed, so this device was signed out.";
    case "account_disabled":
      return by.kind === "admin"
        ? "Your account was disabled by an administrator."
        : "Your account was disabled or deleted.";
    case "token_reuse":
      return "This device was signed out for your security: an old copy of its sign-in was used. If you didn't restore a backup, change your password.";
    case "mfa_failed":
      return "This device was signed out because the second step failed too often or wasn't finished in time.";
    case "session_expired":
      return "You had been signed in for a long time or away for a while, so this sign-in expired.";
    case "signed_out":
      return "You signed out.";
    case "session_revoked":
      if (by.kind === "user")
        return `This device was signed out from another of your devices${by.name ? `: ${by.name}` : ""}.`;
      if (by.kind === "system") return "You signed in on too many devices, so the oldest one was signed out.";
      return "This device was signed out.";
  }
  return "This sign-in is no longer valid.";
}

/** The same in few words, for lists. */
export const endReasons: Record<string, string> = {
  kicked: "ended by staff",
  credentials_changed: "password or factors changed",
  account_disabled: "account disabled",
  token_reuse: "old token reused",
  mfa_failed: "second step failed",
  session_expired: "expired",
  signed_out: "signed out",
  session_revoked: "signed out from another device",
};
