import { endOf, GatehouseError } from "./error.js";
import type { ServerFrame as Frame } from "./gen/frames.js";
import { parse } from "./http.js";
import { nobodySays, type SessionCore } from "./session.js";
import { createStore } from "./store.js";
import type { SocketState } from "./types.js";

export type { Frame };

/** What a feed is for the socket. */
export interface Feed {
  /** The members of its subscribe frame, or null when nobody watches. */
  wants(): object | null;
  /** Takes a frame of the feed that comes in its order. */
  take(frame: Frame): void;
  /** The feed begins (again): what came before may have holes. */
  begins(): void;
  lost(error: Error): void;
  seq?: number | undefined; // of the last frame; undefined until a snapshot came
  asked?: string | undefined; // what was subscribed to on this connection
}

/** How a connection ended. */
interface Loss {
  pause: number; // milliseconds to wait, beside the backoff
  told?: boolean; // the hub spread the pauses itself: no backoff
  bad?: string | undefined; // the token to refresh before coming back
  final?: boolean;
}

const first = 300; // milliseconds: span of the first pause
const longest = 5000;
const settled = 5000; // a connection that lasted so long was a good one
const answerWithin = 10_000;
const lifeWithin = 3000;
const offlinePause = 15_000;

export type Socket = ReturnType<typeof createSocket>;

export function createSocket(base: string, core: SessionCore) {
  const state = createStore<SocketState>("closed");
  const frames = createStore<Frame | undefined>(undefined);
  const feeds = new Map<string, Feed>();
  const pending = new Map<string, (error?: Error, data?: unknown) => void>();
  let loop: object | undefined; // the live run
  let poke = () => {}; // ends a pause
  let bars = 0; // what forbids to open: the hub closed for good and is being asked why, or the client is disposed
  let ids = 0;

  // Of the one connection that there may be:
  let ws: WebSocket | undefined;
  let session: string | undefined; // whose it is
  let shown: string; // the last token it saw
  let drop = () => {};
  let probe = () => {};

  const isOpen = () => state.get() === "open";
  const send = (frame: object) => ws?.send(JSON.stringify(frame));

  /** Connects, and comes back as long as somebody is signed in. */
  async function run() {
    const me = {};
    loop = me;
    let failures = 0;
    let bad: string | undefined;
    state.set("connecting");
    for (;;) {
      const since = performance.now();
      let loss: Loss;
      try {
        const token = await core.getToken(bad);
        if (loop !== me) return;
        loss = token ? await connect(token) : { pause: 0, final: true };
      } catch (error) {
        loss = { pause: ((error as GatehouseError).retryAfter ?? 0) * 1000, bad };
      }
      if (loop !== me) return;
      if (loss.final) return close();
      state.set("reconnecting");
      if (performance.now() - since > settled) failures = 0;
      bad = loss.bad;
      // A token that is known to be old is mended by a refresh: the first time there is nothing to wait for.
      const spread = loss.told || (bad && !failures) ? 0 : Math.random() * Math.min(longest, first * 2 ** failures);
      failures++;
      await new Promise<void>((resolve) => {
        poke = resolve;
        setTimeout(resolve, globalThis.navigator?.onLine === false ? offlinePause : loss.pause + spread);
      });
    }
  }

  function open() {
    if (!loop && !bars) run();
  }

  function close() {
    loop = undefined;
    poke();
    drop();
    state.set("closed");
  }

  function connect(token: string): Promise<Loss> {
    return new Promise((resolve) => {
      const mine = new WebSocket(`${base.replace("http", "ws")}/ws`, ["gatehouse.v1", `bearer.${token}`]);
      const loss: Loss = { pause: 0 };
      let silence = answerWithin;
      let probing = false;
      let watchdog: ReturnType<typeof setTimeout>;

      function listen(ms: number) {
        clearTimeout(watchdog);
        watchdog = setTimeout(() => {
          if (probing) loss.bad = shown; // what made a zombie of the socket may have made its token old
          drop();
        }, ms);
      }

      function over(code: number, reason: string) {
        if (ws !== mine) return;
        ws = undefined;
        clearTimeout(watchdog);
        for (const feed of feeds.values()) feed.asked = feed.seq = undefined;
        for (const answer of pending.values()) answer(new GatehouseError("disconnected"));
        if (code === 4401) loss.bad = shown;
        if (code >= 4500) farewell(code, reason);
        resolve(loss);
      }

      /** A final close that no frame explained. What says nothing of the session's end has the hub asked for it. */
      function farewell(code: number, reason: string) {
        loss.final = true;
        if (code !== 4500 && code !== 4506 && code !== 4509) return core.ended(nobodySays(reason));
        bars++;
        const lift = () => bars--;
        core.refresh(shown).then(lift, lift);
      }

      function handle(frame: Frame) {
        switch (frame.type) {
          case "ping":
            return send({ type: "pong" });
          case "welcome":
            silence = frame.ping_interval * 2000;
            listen(silence);
            state.set("open");
            know(frame.user.roles);
            return show();
          case "auth.ok":
            pending.get(frame.re ?? "")?.();
            return know(frame.roles, frame.aal);
          case "auth.changed":
            know(frame.roles);
            return renew();
          case "auth.expiring":
            return renew();
          case "mfa.required":
            return core.want(frame.methods as never, frame.expires_in);
          case "session.ended":
            loss.final = true;
            drop();
            return core.ended(endOf(frame));
          case "reconnect":
            loss.pause = frame.after_ms;
            loss.told = true;
            return;
          case "ack":
            return pending.get(frame.re)?.(undefined, frame.data);
          case "error":
            return fail(new GatehouseError(frame.code, 0, frame), frame.re, frame.feed);
          default:
            feedFrame(frame);
            frames.set(frame);
        }
      }

      /** An error answers a request, or takes a feed away, or says why the close comes that follows. */
      function fail(error: GatehouseError, re = "", feed = "") {
        if (pending.has(re)) pending.get(re)?.(error);
        else if (feeds.has(feed)) failed(feed, error);
        else loss.pause = (error.retryAfter ?? 0) * 1000;
        if (error.code === "step_up_required" && !re) core.want(error.methods as never, 300);
      }

      ws = mine;
      session = core.id();
      shown = token;
      listen(silence);
      drop = () => {
        over(0, "");
        mine.close();
      };
      probe = () => {
        if (probing || !isOpen()) return;
        probing = true;
        listen(lifeWithin);
        request({ type: "auth", token: shown }).catch(() => {});
      };
      mine.onmessage = ({ data }) => {
        if (ws !== mine) return;
        probing = false;
        listen(silence);
        const frame = parse(data);
        if (frame) handle(frame);
      };
      mine.onclose = ({ code, reason }) => over(code, reason);
    });
  }

  /** Shows the socket a newer token, if there is one. */
  function show(token = core.grant.get()?.token) {
    if (!token || token === shown || !isOpen()) return;
    shown = token;
    request({ type: "auth", token }).catch(({ code }) => /^token_/.test(code) && renew());
  }

  /** The same, refreshing if there is none yet. */
  function renew() {
    if (isOpen()) core.getToken(shown).catch(() => setTimeout(renew, longest));
  }

  /** What the socket says of the person. With new rights a feed may be had that was refused. */
  function know(roles: string[], aal?: number) {
    core.patch({ roles }, aal ? { aal } : {});
    for (const [name, feed] of feeds) if (!feed.asked) subscribe(name);
  }

  /** Sends a frame and waits for its one answer. */
  function request(frame: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (!isOpen()) throw new GatehouseError("disconnected");
      const id = String(++ids);
      const answer = (error?: Error, data?: unknown) => {
        clearTimeout(timer);
        pending.delete(id);
        if (error) reject(error);
        else resolve(data);
      };
      const timer = setTimeout(() => answer(new GatehouseError("timeout")), answerWithin);
      pending.set(id, answer);
      send({ ...frame, id });
    });
  }

  /** Makes what is subscribed to what is wanted. */
  function subscribe(name: string, again?: boolean) {
    const feed = feeds.get(name) as Feed;
    const wants = feed.wants();
    const key = wants ? JSON.stringify(wants) : undefined;
    if (!isOpen() || (key === feed.asked && !again)) return;
    feed.asked = key;
    feed.seq = undefined;
    request({ type: wants ? "subscribe" : "unsubscribe", feed: name, ...wants }).then(feed.begins, (error) =>
      failed(name, error),
    );
  }

  /** A feed that is refused tells its watchers; one that is merely not to be had now is asked for again. */
  function failed(name: string, error: GatehouseError) {
    const feed = feeds.get(name) as Feed;
    feed.seq = undefined;
    if (/^(unavailable|rate_limited|timeout|internal)$/.test(error.code)) {
      setTimeout(subscribe, (error.retryAfter ?? 1) * 1000, name, true);
    } else if (error.code !== "disconnected") {
      feed.asked = undefined;
      feed.lost(error);
    }
  }

  /** Frames of a feed count up by one from its snapshot. After a gap it is asked for again. */
  function feedFrame(frame: { seq?: number } & Frame) {
    const [name, kind] = frame.type.split(".") as [string, string];
    const feed = feeds.get(name);
    if (!feed) return;
    if (kind !== "snapshot" && frame.seq) {
      if (!feed.seq) return;
      if (frame.seq !== feed.seq + 1) return subscribe(name, true);
    }
    feed.seq = frame.seq;
    feed.take(frame);
  }

  core.grant.subscribe(() => {
    const id = core.id();
    if (!id || (ws && session !== id)) close();
    show();
    if (id) open();
  });

  return {
    state,
    frames,
    open,
    dispose() {
      bars++;
      close();
    },
    request,
    /** Adds a feed. Returns what is called when its wants have changed, or when it needs a new snapshot all the same. */
    feed(name: string, feed: Feed): (again?: boolean) => void {
      feeds.set(name, feed);
      return (again) => setTimeout(subscribe, 20, name, again);
    },
    /** The page woke up, or the network is back. */
    wake() {
      poke();
      probe();
    },
    offline: () => drop(),
  };
}
