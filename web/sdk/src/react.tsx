import { createContext, type ReactElement, type ReactNode, useContext, useMemo, useSyncExternalStore } from "react";
import type {
  AuthState,
  Client,
  Presence,
  Session,
  SessionsQuery,
  SessionsView,
  SocketState,
  Store,
  Why,
} from "./types.js";

const Context = /* @__PURE__ */ createContext<Client | null>(null);

/** Gives the client to the hooks below it. It neither makes nor disposes one. */
export function GatehouseProvider({ client, children }: { client: Client; children?: ReactNode }): ReactElement {
  return <Context.Provider value={client}>{children}</Context.Provider>;
}

export function useGatehouse(): Client {
  const client = useContext(Context);
  if (!client) throw new Error("GatehouseProvider is missing");
  return client;
}

const use = <T,>({ subscribe, get }: Store<T>): T => useSyncExternalStore(subscribe, get, get);

export const useAuth = (): AuthState => use(useGatehouse().auth.state);
export const useConnection = (): SocketState => use(useGatehouse().socket.state);

/** A store that watches something as long as somebody subscribes, and forgets it when the person leaves. */
function watching<S extends object>(
  client: Client,
  empty: S,
  watch: (set: (change: Partial<S>) => void, get: () => S) => () => void,
) {
  const listeners = new Set<() => void>();
  let state = empty;
  let stop: (() => void)[] = [];
  const set = (change: Partial<S>) => {
    state = { ...state, ...change };
    for (const listener of listeners) listener();
  };
  const left = () => client.auth.state.get().status === "signed_out" && state !== empty && set(empty);
  return {
    set,
    get: () => state,
    subscribe(listener: () => void) {
      if (!listeners.size) stop = [watch(set, () => state), client.auth.state.subscribe(left)];
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        if (!listeners.size) for (const end of stop) end();
      };
    },
  };
}

interface Acting {
  error: Error | undefined;
  /** Devices that a call is under way for. */
  pendingIds: ReadonlySet<string>;
}

const idle: Acting = { error: undefined, pendingIds: new Set() };

/** Makes calls that mark the ids which they are about. */
function acting<A extends Acting>({ set, get }: { set(change: Partial<Acting>): void; get(): A }) {
  return async <T,>(ids: string[], call: Promise<T>): Promise<T> => {
    set({ pendingIds: new Set([...get().pendingIds, ...ids]) });
    try {
      return await call;
    } finally {
      set({ pendingIds: new Set([...get().pendingIds].filter((id) => !ids.includes(id))) });
    }
  };
}

export interface Devices extends Acting {
  data: Session[] | undefined;
  current: Session | undefined;
  others: Session[];
  isLoading: boolean;
  refetch(): Promise<void>;
  rename(id: string, name: string): Promise<Session>;
  revoke(id: string): Promise<void>;
  revokeOthers(): Promise<void>;
}

interface DevicesState extends Acting {
  data: Session[] | undefined;
}

type DevicesStore = ReturnType<typeof devicesOf>;
const devices = new WeakMap<Client, DevicesStore>();

/** One store per client: whoever shows the devices sees the same. */
function devicesOf(client: Client) {
  const { sessions } = client;
  const fail = (error: Error) => store.set({ error });
  const store = watching<DevicesState>(client, { ...idle, data: undefined }, (set) =>
    sessions.watch((data) => set({ data, error: undefined }), fail),
  );
  const act = acting(store);
  const others = () => (store.get().data ?? []).filter((s) => !s.current);
  return {
    ...store,
    refetch: () => sessions.list().then((data) => store.set({ data, error: undefined }), fail),
    rename: (id: string, name: string) => act([id], sessions.rename(id, name)),
    revoke: (id: string) => act([id], sessions.revoke(id)),
    revokeOthers: () =>
      act(
        others().map((s) => s.id),
        sessions.revokeOthers(),
      ),
  };
}

/** The person's devices, live. Calls that are refused reject; error says that the list cannot be had. */
export function useDevices(): Devices {
  const client = useGatehouse();
  let store = devices.get(client);
  if (!store) {
    store = devicesOf(client);
    devices.set(client, store);
  }
  const { data, error, pendingIds } = use(store);
  const { refetch, rename, revoke, revokeOthers } = store;
  return {
    data,
    current: data?.find((s) => s.current),
    others: data?.filter((s) => !s.current) ?? [],
    isLoading: !data && !error,
    error,
    pendingIds,
    refetch,
    rename,
    revoke,
    revokeOthers,
  };
}

const nobody = { users: new Map<string, Presence>() };

export function usePresence(userIds: string[]): ReadonlyMap<string, Presence> {
  const client = useGatehouse();
  const key = userIds.join();
  const store = useMemo(
    () =>
      watching(client, nobody, (set) =>
        key ? client.presence.watch(key.split(","), (users) => set({ users })) : () => {},
      ),
    [client, key],
  );
  return use(store).users;
}

/** undefined while it is not known. */
export const useOnline = (userId: string): boolean | undefined => usePresence([userId]).get(userId)?.online;

export interface AdminSessions extends Acting {
  sessions: Session[] | undefined;
  total: number;
  isLoading: boolean;
  end(id: string, why?: Why): Promise<void>;
  paused: boolean;
  setPaused(paused: boolean): void;
  /** Changes that wait since the pause. */
  buffered: number;
}

interface AdminState extends Acting {
  view: SessionsView | undefined;
  paused: boolean;
  buffered: number;
}

/** However many changes come, a table is not drawn more often. */
const drawEvery = 100;

function adminOf(client: Client, query: SessionsQuery) {
  let latest: SessionsView | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const empty: AdminState = { ...idle, view: undefined, paused: false, buffered: 0 };
  const draw = () => {
    timer = undefined;
    if (!store.get().paused) store.set({ view: latest, error: undefined });
  };
  const store = watching<AdminState>(client, empty, (set, get) => {
    const take = (view: SessionsView) => {
      const first = !latest;
      latest = view;
      if (get().paused) set({ buffered: get().buffered + 1 });
      else if (first) draw();
      else timer ??= setTimeout(draw, drawEvery);
    };
    const stop = client.admin.sessions.watch(query, take, (error) => set({ error }));
    return () => {
      clearTimeout(timer);
      timer = latest = undefined;
      stop();
    };
  });
  const act = acting(store);
  return {
    ...store,
    end: (id: string, why?: Why) => act([id], client.admin.sessions.end(id, why)),
    setPaused(paused: boolean) {
      store.set({ paused, buffered: 0, ...(paused ? {} : { view: latest }) });
    },
  };
}

/** The first page of everybody's sessions, live, with a pause (WCAG 2.2.2). */
export function useAdminSessions({ q, limit }: SessionsQuery = {}): AdminSessions {
  const client = useGatehouse();
  const store = useMemo(() => adminOf(client, { ...(q && { q }), ...(limit && { limit }) }), [client, q, limit]);
  const { view, ...state } = use(store);
  const { end, setPaused } = store;
  return {
    ...state,
    sessions: view?.sessions,
    total: view?.total ?? 0,
    isLoading: !view && !state.error,
    end,
    setPaused,
  };
}

type Children = { children?: ReactNode };

/** Its children, if the state is one of these. */
const useWhen = (children: ReactNode, ...these: AuthState["status"][]): ReactNode =>
  these.includes(useAuth().status) ? children : null;

export const SignedIn = ({ children }: Children): ReactNode => useWhen(children, "signed_in");
/** Signed out, or between the two steps of a sign-in. */
export const SignedOut = ({ children }: Children): ReactNode => useWhen(children, "signed_out", "mfa_required");
export const AuthLoading = ({ children }: Children): ReactNode => useWhen(children, "loading");

/** For people of the role, or of one of them. Admins may everything. While nobody knows, it shows nothing. */
export function RequireRole(props: { role: string | string[]; fallback?: ReactNode } & Children): ReactNode {
  const { role, fallback, children } = props;
  const state = useAuth();
  if (state.status === "loading") return null;
  const roles = state.status === "signed_in" ? state.user.roles : [];
  const may = roles.includes("admin") || roles.some((r) => [role].flat().includes(r));
  return may ? children : fallback;
}
