import { GatehouseError } from "./error.js";

/** How long an exchange of tokens may be silent. */
export const patience = 5000;

export interface Sending {
  token?: string | null | undefined;
  query?: object | undefined;
  body?: unknown;
  signal?: AbortSignal;
  keepalive?: boolean;
}

/** Makes one request, such as `GET /auth/me`. Its errors are GatehouseErrors. */
export type Ask = (operation: string, sending?: Sending) => Promise<unknown>;

export type Http = ReturnType<typeof createHttp>;

export function createHttp(base: string) {
  function send(operation: string, { token, query, body, ...init }: Sending = {}): Promise<Response> {
    const [method, path] = operation.split(" ") as [string, string];
    const params = new URLSearchParams(JSON.parse(JSON.stringify(query ?? {}))).toString();
    const headers: Record<string, string> = {};
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body) headers["Content-Type"] = "application/json";
    const request: RequestInit = { ...init, method, headers, credentials: "include" };
    if (body) request.body = JSON.stringify(body);
    return unplugged(fetch(base + path + (params && `?${params}`), request));
  }

  const ask: Ask = async (operation, sending) => answer(await send(operation, sending));

  return { base, send, ask };
}

/** The decoded answer, or the refusal thrown. */
export async function answer(response: Response): Promise<unknown> {
  const body = parse(await unplugged(response.text()));
  if (response.ok) return body;
  const retry_after = Number(response.headers.get("Retry-After")) || undefined;
  throw new GatehouseError(body?.code ?? "internal", response.status, { retry_after, ...body });
}

// biome-ignore lint/suspicious/noExplicitAny: JSON is what it is
export function parse(text: string): any {
  try {
    return JSON.parse(text);
  } catch {}
}

export function unplugged<T>(answer: Promise<T>): Promise<T> {
  return answer.catch((cause) => {
    throw Object.assign(new GatehouseError("network"), { cause });
  });
}

/** The codes that speak of the token (details E6). Other refusals neither end nor refresh a session. */
export const ofToken = (code?: string) =>
  /^(unauthenticated|invalid_token|token_\w+|session_revoked)$/.test(code ?? "");

/** Gives f a while. */
export async function within<T>(ms: number, f: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), ms);
  try {
    return await f(stop.signal);
  } catch (error) {
    throw stop.signal.aborted ? new GatehouseError("timeout") : error;
  } finally {
    clearTimeout(timer);
  }
}
