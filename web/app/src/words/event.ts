import type { Event } from "@gatehouse/client";
import { endReasons } from "./ended";

const factors: Record<string, string> = {
  totp: "the authenticator app",
  passkey: "a passkey",
  recovery_codes: "recovery codes",
};
const providers: Record<string, string> = { google: "Google", github: "GitHub" };
const providerOf = (e: Event) => providers[e.details.provider ?? ""] ?? "a provider";
const factorOf = (e: Event) => factors[e.details.factor ?? ""] ?? "a second step";
const ended = (e: Event) => {
  const why = endReasons[e.details.end_reason ?? ""];
  return why ? ` (${why})` : "";
};

type Words = string | ((e: Event) => string);

/** What was done, and the word before whom it was done to, where that is somebody else. */
type Act = [Words, string?];

const acts: Record<string, Act> = {
  "user.registered": ["signed up"],
  "user.created": ["created the account", "of"],
  "user.roles": [(e) => `set the roles ${(e.details.roles ?? "").replace(/[[\]]/g, "").split(" ").join(", ")}`, "for"],
  "user.disabled": ["disabled the account", "of"],
  "user.enabled": ["enabled the account", "of"],
  "user.renamed": ["changed the name", "of"],
  "user.deleted": ["deleted the account", "of"],
  "password.changed": ["changed the password", "of"],
  "session.started": ["signed in"],
  "session.refused": ["failed to sign in", "as"],
  "session.ended": [(e) => endings[e.details.end_reason ?? ""] ?? `ended a session${ended(e)}`, "of"],
  "session.renamed": ["renamed a device", "of"],
  "session.reauthenticated": ["confirmed their identity"],
  "passkey.cloned": ["showed a copied passkey", "of"],
  "factor.added": [(e) => `set up ${factorOf(e)}`, "for"],
  "factor.removed": [(e) => `removed ${factorOf(e)}`, "of"],
  "factors.reset": ["reset the second step", "of"],
  "recovery_codes.renewed": ["made new recovery codes", "for"],
  "identity.linked": [(e) => `linked ${providerOf(e)}`, "to"],
  "identity.unlinked": [(e) => `unlinked ${providerOf(e)}`, "from"],
  "message.sent": [(e) => `sent the message “${e.details.name ?? ""}”`, "to"],
  "keys.rotated": ["rotated the signing keys"],
  "webhook.created": ["created a webhook"],
  "webhook.deleted": ["deleted a webhook"],
  "service_key.created": ["created a service key"],
  "service_key.deleted": ["deleted a service key"],
};

const endings: Record<string, string> = {
  signed_out: "signed out",
  session_revoked: "signed out a device",
  kicked: "ended a session",
  session_expired: "let a session expire",
};

/** The same as the person reads it about themselves. */
const mine: Record<string, Words> = {
  "user.registered": "Account created",
  "user.created": "Account created for you",
  "user.roles": "Your roles were changed",
  "user.disabled": "Your account was disabled",
  "user.enabled": "Your account was enabled",
  "user.renamed": "Name changed",
  "password.changed": "Password changed",
  "session.started": "Signed in",
  "session.refused": "Failed attempt to sign in",
  "session.ended": (e) => (e.details.end_reason === "signed_out" ? "Signed out" : `Device signed out${ended(e)}`),
  "session.renamed": "Device renamed",
  "session.reauthenticated": "Confirmed it was you",
  "passkey.cloned": "A copied passkey was refused",
  "factor.added": (e) => `Set up ${factorOf(e)}`,
  "factor.removed": (e) => `Removed ${factorOf(e)}`,
  "factors.reset": "Your second factors were reset",
  "recovery_codes.renewed": "New recovery codes made",
  "identity.linked": (e) => `${providerOf(e)} linked`,
  "identity.unlinked": (e) => `${providerOf(e)} unlinked`,
  "message.sent": "A message was sent to your devices",
};

const say = (words: Words | undefined, e: Event) =>
  words === undefined ? e.action.replaceAll(/[._]/g, " ") : typeof words === "string" ? words : words(e);

/** "disabled the account": what staff read between who and whom. */
export const act = (e: Event) => say(acts[e.action]?.[0], e);
/** "of": leads to whom. */
export const toward = (e: Event) => acts[e.action]?.[1];
export function mineWords(e: Event): string {
  const words = say(mine[e.action], e);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export const actions = Object.keys(acts);

/** Whether the row asks for a second look. */
export const alarming = (e: Event) =>
  e.outcome === "failure" || e.action === "passkey.cloned" || e.details.end_reason === "token_reuse";
