import { GatehouseError } from "@gatehouse/client";
import { roughly } from "./time";

/** What each code means to the person in front of it. */
const sentences: Record<string, string> = {
  invalid_credentials: "That e-mail address and password don't match.",
  invalid_code: "That code isn't right. Check it and try again.",
  email_unverified: "Verify your e-mail address first: follow the link in the mail we sent you.",
  email_taken: "That e-mail address is already in use by another account.",
  account_disabled: "This account is disabled. Ask whoever runs this hub.",
  weak_password: "That password is on the list of common ones. Choose another.",
  validation_failed: "Something isn't filled in right.",
  grant_expired: "This has expired or was used already.",
  rate_limited: "Too many attempts.",
  forbidden: "You may not do that.",
  last_admin: "This is the last admin. Make somebody else one first.",
  last_credential: "This is your only way to sign in. Set up another one first.",
  conflict: "Something changed in the meantime. Reload and try again.",
  not_found: "That isn't there any more.",
  too_large: "That is too long.",
  session_revoked: "You were signed out.",
  step_up_required: "Confirm that it's you first.",
  mfa_setup_required: "Set up a second step before you go on.",
  origin_not_allowed: "This page's address is not one the hub accepts. Open the hub at its own address.",
  unavailable: "The hub is busy or its database is away. Try again in a moment.",
  internal: "Something went wrong on the hub.",
  network: "Can't reach the hub. Check your connection.",
  timeout: "The hub didn't answer in time.",
  disconnected: "Not connected to the hub right now.",
  unsupported: "This browser can't use passkeys.",
};

/** What comes back from a provider in #error, where it means something else there. */
const arrivals: Record<string, string> = {
  access_denied: "You cancelled at the provider. Nothing was changed.",
  state_invalid: "That sign-in took too long or began in another browser. Please start again.",
  email_unverified: "The provider has not verified your e-mail address. Verify it there, then try again.",
  email_taken:
    "There is already an account with that e-mail address. Sign in to it, then link the provider under Security.",
  provider_error: "The provider didn't answer as it should. Try again, or sign in another way.",
  signup_closed: "There is no account for you here, and sign-up is closed. Ask whoever runs this hub.",
  rate_limited: "Too many attempts from your network. Wait a few minutes and try again.",
  mfa_required: "Your account wants a second step. Please sign in again.",
};

export const codeOf = (error: unknown) => (error instanceof GatehouseError ? error.code : "");
export const cancelled = (error: unknown) => codeOf(error) === "cancelled";

/** words: what some codes mean where the error is shown. */
export function sentence(error: unknown, words: Record<string, string> = {}): string {
  if (!(error instanceof GatehouseError)) return "Something went wrong in this page. Reload it and try again.";
  if (error.code === "rate_limited" && error.retryAfter)
    return `Too many attempts. Try again in ${roughly(error.retryAfter)}.`;
  return words[error.code] ?? sentences[error.code] ?? error.message;
}

export const arrivalSentence = (code: string) =>
  arrivals[code] ?? sentences[code] ?? "The sign-in didn't work. Please try again.";

/** What was wrong with each member, as a sentence. */
export function fieldsOf(error: unknown): Record<string, string> {
  if (!(error instanceof GatehouseError)) return {};
  if (error.code === "weak_password") return { password: sentences.weak_password as string };
  const fields = Object.entries(error.fields).map(([name, text]) => [name, capital(text)]);
  return Object.fromEntries(fields);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

/** The same error, speaking of the input as this page calls it. */
export function renamed(error: unknown, from: string, to: string): unknown {
  if (!(error instanceof GatehouseError) || !error.fields[from]) return error;
  return new GatehouseError(error.code, error.status, { detail: error.message, fields: { [to]: error.fields[from] } });
}
