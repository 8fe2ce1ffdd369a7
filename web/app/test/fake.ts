import {
  type AuthState,
  type Client,
  type Event,
  GatehouseError,
  type Job,
  type Session,
  type SessionsView,
  type SocketState,
  type Store,
  type User,
} from "@gatehouse/client";
import * as fixtures from "./fixtures";

interface Writable<T> extends Store<T> {
  set(value: T): void;
}

function writable<T>(value: T): Writable<T> {
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      value = next;
      for (const listener of [...listeners]) listener();
    },
    subscribe(cb) {
      listeners.add(cb);
      return () => listeners.delete(cb);
    },
  };
}

export const refusal = (code: string, status = 400, more = {}) => new GatehouseError(code, status, more);

/** A client without a hub. Tests move its stores, and replace single calls by their own. */
export function fakeClient(given: { user?: User; auth?: AuthState; devices?: Session[] } = {}) {
  const user = given.user ?? fixtures.aUser();
  const mine = given.devices ?? fixtures.devices();
  const state = writable<AuthState>(given.auth ?? { status: "signed_in", user, session: mine[0] as Session });
  const socket = writable<SocketState>("open");
  const devices = writable<Session[] | undefined>(mine);
  const all = writable<SessionsView>({ sessions: fixtures.everybody(), total: 5000 });
  const audit = new Set<(event: Event) => void>();
  const jobs = new Set<(job: Job) => void>();
  const factors = fixtures.factors();
  const [events, people, work] = [fixtures.events(), [user, ...fixtures.users()], fixtures.jobs()];
  const done = async () => {};
  const remove = async (id: string) => devices.set(devices.get()?.filter((s) => s.id !== id));

  function follow<T>(store: Store<T>) {
    return (cb: (value: NonNullable<T>) => void) => {
      const tell = () => {
        const value = store.get();
        if (value) cb(value);
      };
      queueMicrotask(tell);
      return store.subscribe(tell);
    };
  }

  const client = {
    auth: {
      state,
      signUp: async () => "verification_sent" as const,
      signIn: { password: done, oauth() {}, passkey: done, passkeyAutofill: async () => false },
      mfa: {
        totp: done,
        recoveryCode: done,
        passkey: done,
        cancel: () => state.set({ status: "signed_out", reason: "none" }),
      },
      getToken: async () => null,
      signOut: async () => state.set({ status: "signed_out", reason: "signed_out" }),
      reauthenticate: done,
      onForcedLogout: () => () => {},
      setup: done,
      updateProfile: async ({ name }) => ({ ...user, name }),
      changePassword: done,
      forgotPassword: done,
      resetPassword: done,
      verifyEmail: done,
      resendVerification: done,
      changeEmail: done,
      notMe: done,
      activity: async () => ({ events, next_cursor: "more" }),
      signOutEverywhere: done,
      deleteAccount: done,
    },
    factors: {
      list: async () => structuredClone(factors),
      totp: {
        begin: async () => ({ secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", uri: "otpauth://totp/x", qr_svg: square }),
        confirm: async () => ({ recovery_codes: codes }),
        remove: done,
      },
      recoveryCodes: async () => ({ recovery_codes: codes }),
      passkeys: {
        add: async () => factors.passkeys[0] as (typeof factors.passkeys)[number],
        rename: done,
        remove: done,
      },
      link: done,
      unlink: done,
    },
    sessions: {
      watch: follow(devices),
      list: async () => devices.get() ?? [],
      async rename(id, name) {
        devices.set(devices.get()?.map((s) => (s.id === id ? { ...s, name } : s)));
        return devices.get()?.find((s) => s.id === id) as Session;
      },
      revoke: remove,
      revokeOthers: async () => devices.set(devices.get()?.filter((s) => s.current)),
    },
    presence: { watch: () => () => {} },
    messages: { on: () => () => {}, send: done },
    admin: {
      stats: async () => fixtures.stats(),
      sessions: {
        watch: ({ q, limit = 50 }, cb) =>
          follow(all)((view) => {
            const sessions = view.sessions.filter((s) => !q || s.user_id === q || s.user?.email.startsWith(q));
            cb({ sessions: sessions.slice(0, limit), total: q ? sessions.length : view.total });
          }),
        list: async () => ({ sessions: all.get().sessions, total: all.get().total }),
        end: async (id) =>
          all.set({ sessions: all.get().sessions.filter((s) => s.id !== id), total: all.get().total - 1 }),
      },
      users: {
        list: async ({ q } = {}) => {
          const users = people.filter((u) => !q || u.email.startsWith(q));
          return { users, total: users.length };
        },
        get: async (id) => {
          const found = people.find((u) => u.id === id);
          if (!found) throw refusal("not_found", 404);
          return found;
        },
        create: async ({ email }) => ({ ...user, email, invite_url: "https://id.example.com/reset#token=abc" }),
        remove: done,
        setRoles: async (id, roles) => ({ ...(people.find((u) => u.id === id) as User), roles }),
        disable: async (id) => ({ ...(people.find((u) => u.id === id) as User), disabled: true }),
        enable: async (id) => ({ ...(people.find((u) => u.id === id) as User), disabled: false }),
        resetFactors: async (id) => people.find((u) => u.id === id) as User,
        endSessions: async () => ({ ended: 2 }),
        message: async () => ({ delivered: 1 }),
      },
      jobs: {
        list: async ({ state } = {}) => {
          const found = work.filter((job) => !state || job.state === state);
          return { jobs: found, total: found.length };
        },
        retry: async () => work[0] as Job,
        remove: done,
        watch(cb) {
          jobs.add(cb);
          return () => jobs.delete(cb);
        },
      },
      audit: {
        list: async ({ limit = 50 } = {}) => ({ events: events.slice(0, limit), next_cursor: "more" }),
        watch(cb) {
          audit.add(cb);
          return () => audit.delete(cb);
        },
      },
    },
    socket: { state: socket },
    fetch: async () => new Response(null, { headers: { Date: new Date().toUTCString() } }),
    call: async () => undefined as never,
    options: async () => ({ providers: ["google", "github"], signup: true, email_verification: true, passkeys: true }),
    dispose() {},
  } satisfies Client;

  return {
    client: client as Client,
    state,
    socket,
    devices,
    all,
    /** Something happens that staff see. */
    audit(event: Event) {
      for (const cb of audit) cb(event);
    },
    job(job: Job) {
      for (const cb of jobs) cb(job);
    },
  };
}

const codes = Array.from({ length: 10 }, (_, i) => `k${i}d7-w2fm-9x${i}q`);
const square = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 29 29"><path fill="#fff" d="M0 0h29v29H0z"/><path d="M4 4h7v7H4zM18 4h7v7h-7zM4 18h7v7H4zM13 13h5v5h-5zM20 20h5v5h-5z"/></svg>`;
