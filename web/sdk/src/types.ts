import type {
  Ceremony,
  Enrolment,
  Event,
  EventPage,
  Factors,
  Job,
  JobPage,
  MFARequired,
  Operations,
  Options,
  Passkey,
  RecoveryCodes,
  Session,
  SessionPage,
  Stats,
  User,
  UserPage,
} from "./gen/api.js";
import type { By, MessageFrame, Presence } from "./gen/frames.js";

export type {
  By,
  Ceremony,
  Enrolment,
  Event,
  EventPage,
  Factors,
  Job,
  JobPage,
  MessageFrame,
  Operations,
  Options,
  Passkey,
  Presence,
  RecoveryCodes,
  Session,
  SessionPage,
  Stats,
  User,
  UserPage,
};

/** A value that changes. What get returns is the same object until it changes. */
export interface Store<T> {
  get(): T;
  /** Calls cb after each change. Returns what stops that. */
  subscribe(cb: () => void): () => void;
}

export type MFAMethod = MFARequired["methods"][number];

/** How a session ended: the reason of `session.ended`, such as `kicked`, and who did it. */
export interface Ended {
  reason: string;
  by: By;
  at: string;
  /** Words of staff for the person. */
  message?: string;
}

export type AuthState =
  /** Nobody knows yet: only before the hub first answered. */
  | { status: "loading" }
  /** `none`: there was no session; `signed_out`: the person did it, here or in another tab. */
  | { status: "signed_out"; reason: "none" | "signed_out" | Ended }
  /** `expiresIn` are the seconds that are left when this state begins. */
  | { status: "mfa_required"; methods: MFAMethod[]; expiresIn: number }
  | { status: "signed_in"; user: User; session: Session };

/** `reconnecting`: it was open, or the hub could not be reached, and it tries again. */
export type SocketState = "closed" | "connecting" | "open" | "reconnecting";

export interface Client {
  readonly auth: Auth;
  readonly factors: FactorsClient;
  readonly sessions: SessionsClient;
  readonly presence: PresenceClient;
  readonly messages: MessagesClient;
  readonly admin: AdminClient;
  readonly socket: { readonly state: Store<SocketState> };
  /**
   * fetch of a path of the hub, as the signed-in person. A token that is found too old is renewed and the request
   * repeated once. Throws only when the network fails. Other origins are refused: they must not see the token.
   */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** One call of the API, such as `call("PATCH /auth/me", { body: { name } })`. Refusals throw GatehouseError. */
  call<K extends keyof Operations>(operation: K, input?: CallInput<K>): Promise<Operations[K]["answer"]>;
  /** What the hub offers on its sign-in page. */
  options(): Promise<Options>;
  /** Lets go of everything. May be called twice. */
  dispose(): void;
}

export interface CallInput<K extends keyof Operations> {
  /** Members of the path: `{id}`. */
  path?: Record<string, string>;
  query?: Operations[K]["query"];
  body?: Operations[K]["body"];
}

export interface Auth {
  readonly state: Store<AuthState>;
  /** `verification_sent`: a mail is under way, and nobody is signed in yet. */
  signUp(input: { email: string; password: string; name?: string }): Promise<"signed_in" | "verification_sent">;
  readonly signIn: {
    /** Resolves when signed in, or when a second factor is wanted: the state says which. */
    password(input: { email: string; password: string }): Promise<void>;
    /** Leaves the page for the provider. It comes back to redirectTo, with `#error=code` if that failed. */
    oauth(provider: "google" | "github", options?: { redirectTo?: string }): void;
    /** Rejects with code `cancelled` when the person thinks better of it. */
    passkey(): Promise<void>;
    /**
     * Offers passkeys in the autofill of an input with `autocomplete="username webauthn"`. Resolves to true when the
     * person took one, to false when the browser cannot or the signal, passkey() or another sign-in ended it.
     */
    passkeyAutofill(options?: { signal?: AbortSignal }): Promise<boolean>;
  };
  readonly mfa: {
    totp(code: string): Promise<void>;
    recoveryCode(code: string): Promise<void>;
    passkey(): Promise<void>;
    /** Back to signed_out. */
    cancel(): void;
  };
  /** An access token with at least 5 s to live, or null when signed out. Rejects when the hub cannot be reached. */
  getToken(): Promise<string | null>;
  /** Signs out at once, even when the hub cannot be reached: then it is told at the next start. */
  signOut(): Promise<void>;
  /** Shows a credential again, for what answers `step_up_required`. */
  reauthenticate(proof: { password: string } | { code: string } | "passkey"): Promise<void>;
  /** Called once per tab when somebody else ended this session; never for one's own sign-out. */
  onForcedLogout(cb: (ended: Ended) => void): () => void;
  /** The first admin, by the set-up link. */
  setup(input: { token: string; email: string; password: string; name?: string }): Promise<void>;
  updateProfile(input: { name: string }): Promise<User>;
  changePassword(input: { currentPassword?: string; newPassword: string }): Promise<void>;
  forgotPassword(email: string): Promise<void>;
  resetPassword(input: { token: string; newPassword: string }): Promise<void>;
  verifyEmail(token: string): Promise<void>;
  resendVerification(email: string): Promise<void>;
  changeEmail(email: string): Promise<void>;
  /** "This wasn't me", from a mail. */
  notMe(token: string): Promise<void>;
  activity(query?: { cursor?: string; limit?: number }): Promise<EventPage>;
  /** Signs out every device, this one too. */
  signOutEverywhere(): Promise<void>;
  /** The account is gone. */
  deleteAccount(): Promise<void>;
}

export interface FactorsClient {
  list(): Promise<Factors>;
  readonly totp: {
    begin(): Promise<Enrolment>;
    confirm(code: string): Promise<RecoveryCodes>;
    remove(): Promise<void>;
  };
  /** Ten new ones; the old ones die. */
  recoveryCodes(): Promise<RecoveryCodes>;
  readonly passkeys: {
    /** The answer has recovery_codes when this is the first second factor. */
    add(name?: string): Promise<Passkey>;
    rename(id: string, name: string): Promise<void>;
    remove(id: string): Promise<void>;
  };
  /** Leaves the page for the provider, to link an account there. */
  link(provider: "google" | "github", options?: { redirectTo?: string }): Promise<void>;
  unlink(provider: string): Promise<void>;
}

/** The person's own devices. */
export interface SessionsClient {
  /** Calls cb with the ordered list, now if it is known and after each change; onError when it cannot be had. */
  watch(cb: (sessions: Session[]) => void, onError?: (error: Error) => void): () => void;
  list(): Promise<Session[]>;
  rename(id: string, name: string): Promise<Session>;
  /** Signs a device out. One's own is an ordinary sign-out. */
  revoke(id: string): Promise<void>;
  revokeOthers(): Promise<void>;
}

export interface PresenceClient {
  /** Calls cb with what is known of these users (at most 200 over all watches), now and after each change. */
  watch(userIds: string[], cb: (users: Map<string, Presence>) => void, onError?: (error: Error) => void): () => void;
}

export interface MessagesClient {
  on<T = unknown>(name: string, cb: (data: T, message: MessageFrame) => void): () => void;
  /** To the person's other devices, or for admins to a user. Resolves with the hub's ack. */
  send(message: { to: "devices" | { user_id: string }; name: string; data?: unknown }): Promise<unknown>;
}

export interface SessionsQuery {
  q?: string;
  /** Of the first page; 50 by default. */
  limit?: number;
}

export interface SessionsView {
  sessions: Session[];
  total: number;
}

/** What staff may tell: reason goes to the audit trail, message to the person. */
export interface Why {
  reason?: string;
  message?: string;
}

export interface AdminClient {
  stats(): Promise<Stats>;
  readonly sessions: {
    /** The first page, live. Only the latest query of all watches is kept up. */
    watch(query: SessionsQuery, cb: (view: SessionsView) => void, onError?: (error: Error) => void): () => void;
    list(query?: Operations["GET /admin/sessions"]["query"]): Promise<SessionPage>;
    end(id: string, why?: Why): Promise<void>;
  };
  readonly users: {
    list(query?: Operations["GET /admin/users"]["query"]): Promise<UserPage>;
    get(id: string): Promise<User>;
    /** Invites by mail. The answer has invite_url where no mail can be sent. */
    create(input: { email: string; name?: string; roles?: string[] }): Promise<User & { invite_url?: string }>;
    remove(id: string): Promise<void>;
    setRoles(id: string, roles: string[]): Promise<User>;
    disable(id: string, why?: Why): Promise<User>;
    enable(id: string, why?: Why): Promise<User>;
    resetFactors(id: string, why?: Why): Promise<User>;
    endSessions(id: string, why?: Why): Promise<{ ended: number }>;
    message(id: string, message: { name: string; data?: unknown }): Promise<{ delivered: number }>;
  };
  readonly jobs: {
    list(query?: Operations["GET /admin/jobs"]["query"]): Promise<JobPage>;
    retry(id: string): Promise<Job>;
    remove(id: string): Promise<void>;
    /** Calls cb for each change; onGap when some may have been missed, also at the start: read the list again. */
    watch(cb: (job: Job) => void, onGap?: () => void, onError?: (error: Error) => void): () => void;
  };
  readonly audit: {
    list(query?: Operations["GET /admin/audit"]["query"]): Promise<EventPage>;
    watch(cb: (event: Event) => void, onGap?: () => void, onError?: (error: Error) => void): () => void;
  };
}
