import type { Event, Factors, Job, Session, Stats, User } from "@gatehouse/client";

const id = (prefix: string, n: number) => `${prefix}_01K9Q5M3X7V2T8B4N6P0R1S${String(n).padStart(3, "0")}`;
export const past = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();

export function aUser(more: Partial<User> = {}): User {
  return {
    id: id("usr", 1),
    email: "ada@example.com",
    name: "Ada Lovelace",
    roles: ["user", "admin"],
    email_verified: true,
    disabled: false,
    mfa: { totp: true, passkeys: 1, recovery_codes_left: 8 },
    created_at: past(60 * 24 * 220),
    ...more,
  };
}

export function aSession(n: number, more: Partial<Session> = {}): Session {
  return {
    id: id("ses", n),
    user_id: id("usr", 1),
    current: false,
    online: true,
    connections: 1,
    name: "Chrome on macOS",
    device: { browser: "Chrome", os: "macOS", kind: "desktop" },
    ip: `203.0.113.${n}`,
    location: { city: "Berlin", country: "Germany" },
    amr: ["pwd", "otp", "mfa"],
    aal: 2,
    created_at: past(60 * 24 * n),
    last_seen_at: past(0),
    expires_at: past(-60 * 24 * 7),
    ...more,
  };
}

export const devices = (): Session[] => [
  aSession(1, { current: true, connections: 3 }),
  aSession(2, {
    name: "Ada's iPhone",
    device: { browser: "Safari", os: "iOS", kind: "phone" },
    amr: ["passkey", "mfa"],
  }),
  aSession(3, {
    name: "Work laptop",
    device: { browser: "Firefox", os: "Windows", kind: "desktop" },
    online: false,
    connections: 0,
    last_seen_at: past(42),
    location: { city: "", country: "DE" },
    amr: ["github"],
    aal: 1,
  }),
  aSession(4, {
    name: "build server",
    device: { browser: "gatehouse", os: "Linux", kind: "cli" },
    online: false,
    connections: 0,
    last_seen_at: past(60 * 30),
    location: null,
    ip: "2001:db8:4c1::7",
    amr: ["pwd"],
    aal: 1,
  }),
];

export const factors = (): Factors => ({
  totp: { enabled: true, confirmed_at: past(60 * 24 * 100) },
  recovery_codes_left: 3,
  passkeys: [
    { id: id("pky", 1), name: "MacBook Touch ID", created_at: past(60 * 24 * 90), last_used_at: past(55) },
    { id: id("pky", 2), name: "Blue YubiKey", created_at: past(60 * 24 * 12), last_used_at: "" },
  ],
  identities: [{ provider: "github", email: "ada@users.example" }],
});

const people = [
  "Grace Hopper",
  "Alan Turing",
  "Edsger Dijkstra",
  "Barbara Liskov",
  "Donald Knuth",
  "",
  "Radia Perlman",
  "Ken Thompson",
];
const kinds = [
  ["Chrome on Windows", "Chrome", "Windows", "desktop"],
  ["Safari on iOS", "Safari", "iOS", "phone"],
  ["Firefox on Linux", "Firefox", "Linux", "desktop"],
  ["Safari on iPadOS", "Safari", "iPadOS", "tablet"],
] as const;
const places = [
  { city: "Zürich", country: "Switzerland" },
  { city: "Lyon", country: "France" },
  null,
  { city: "Osaka", country: "Japan" },
];

export function users(): User[] {
  return people.map((name, i) =>
    aUser({
      id: id("usr", i + 2),
      name,
      email: `${(name || "anonymous").toLowerCase().split(" ")[0]}@example.com`,
      roles: i === 0 ? ["user", "admin"] : i === 3 ? ["user", "moderator"] : ["user"],
      disabled: i === 4,
      email_verified: i !== 5,
      mfa: { totp: i % 2 === 0, passkeys: i % 3, recovery_codes_left: 10 },
      created_at: past(60 * 24 * (i * 13 + 3)),
    }),
  );
}

export function everybody(n = 24): Session[] {
  const all = users();
  return Array.from({ length: n }, (_, i) => {
    const user = all[i % all.length] as User;
    const [name, browser, os, kind] = kinds[i % kinds.length] as (typeof kinds)[number];
    return aSession(i + 10, {
      user_id: user.id,
      user: { id: user.id, email: user.email, name: user.name, roles: user.roles },
      name,
      device: { browser, os, kind },
      location: places[i % places.length] ?? null,
      online: i % 3 !== 2,
      connections: i % 3 === 2 ? 0 : (i % 4) + 1,
      last_seen_at: past(i * 7),
      created_at: past(i * 190 + 5),
      amr: i % 2 ? ["passkey", "mfa"] : ["pwd"],
    });
  });
}

let rows = 0;
export function anEvent(action: string, more: Partial<Event> = {}): Event {
  const n = rows++;
  return {
    id: `aud_01K9Q5M3X7V2T8B4N6P0R${String(n).padStart(5, "0")}`,
    at: past(n * 17),
    action,
    actor: { kind: "user", id: id("usr", 1), name: "Ada Lovelace" },
    target: { kind: "user", id: id("usr", 1) },
    ip: "203.0.113.1",
    outcome: "success",
    details: {},
    ...more,
  };
}

export const events = (): Event[] => [
  anEvent("session.ended", {
    target: { kind: "session", id: id("ses", 40) },
    reason: "Lost phone",
    details: { end_reason: "kicked", message: "Your phone was reported lost." },
  }),
  anEvent("session.started", {
    target: { kind: "session", id: id("ses", 41) },
    actor: { kind: "user", id: id("usr", 3), name: "Alan Turing" },
  }),
  anEvent("session.refused", {
    actor: { kind: "address" },
    target: { kind: "user", id: id("usr", 4) },
    outcome: "failure",
    ip: "198.51.100.77",
  }),
  anEvent("user.roles", { target: { kind: "user", id: id("usr", 5) }, details: { roles: "[user moderator]" } }),
  anEvent("factor.added", { details: { factor: "passkey" } }),
  anEvent("session.ended", {
    actor: { kind: "system" },
    ip: "",
    target: { kind: "session", id: id("ses", 42) },
    details: { end_reason: "token_reuse" },
  }),
  anEvent("user.disabled", { target: { kind: "user", id: id("usr", 6) }, reason: "Left the company" }),
  anEvent("keys.rotated", { actor: { kind: "shell" }, target: { kind: "keyset" }, ip: "" }),
  anEvent("password.changed"),
  anEvent("message.sent", { target: { kind: "user", id: id("usr", 2) }, details: { name: "notice" } }),
  anEvent("identity.linked", { details: { provider: "github" } }),
  anEvent("user.registered", { at: past(60 * 30) }),
];

export const jobs = (): Job[] => [
  {
    id: id("job", 1),
    kind: "mail",
    state: "dead",
    attempts: 10,
    run_at: past(30),
    last_error: "550 mailbox unavailable",
    created_at: past(60 * 20),
  },
  {
    id: id("job", 2),
    kind: "webhook",
    state: "queued",
    attempts: 3,
    run_at: past(-4),
    last_error: "503 Service Unavailable",
    created_at: past(12),
  },
  { id: id("job", 3), kind: "mail", state: "running", attempts: 1, run_at: past(0), created_at: past(1) },
  { id: id("job", 4), kind: "location", state: "done", attempts: 1, run_at: past(50), created_at: past(50) },
];

let beat = 0;
export function stats(): Stats {
  const wave = Math.round(40 * Math.sin(beat++ / 5) + Math.random() * 12);
  return {
    users_online: 1284 + wave,
    sessions_online: 2310 + wave * 2,
    connections: 3127 + wave * 3,
    nodes: [
      { id: "node_01K9Q5M3X7V2T8B4N6P0R1SA01", started_at: past(60 * 53), connections: 1610 + wave * 2, lag_ms: 120 },
      { id: "node_01K9Q5M3X7V2T8B4N6P0R1SA02", started_at: past(60 * 53 - 4), connections: 1105 + wave, lag_ms: 2310 },
      { id: "node_01K9Q5M3X7V2T8B4N6P0R1SA03", started_at: past(7), connections: 412, lag_ms: 13_400 },
    ],
  };
}
