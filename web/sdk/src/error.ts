import type { Ended } from "./types.js";

/**
 * A refusal of the hub, by the contract's code. Without an answer of it the status is 0 and the code `network` (it
 * cannot be reached), `timeout`, `disconnected` (the socket is not open), or of passkeys `cancelled` and `unsupported`.
 */
export class GatehouseError extends Error {
  override name = "GatehouseError";
  /** Of validation_failed: member to what is wrong with it. */
  fields: Record<string, string>;
  /** Seconds. */
  retryAfter: number | undefined;
  /** Of step_up_required: what can be shown. */
  methods: string[];
  /** Of session_revoked at a refresh: how the session ended. */
  ended: Ended | undefined;

  constructor(
    public code: string,
    public status = 0,
    more: Partial<Refusal> = {},
  ) {
    super(more.detail || code);
    this.fields = more.fields ?? {};
    this.retryAfter = more.retry_after;
    this.methods = more.methods ?? [];
    this.ended = more.reason ? endOf(more as Ended) : undefined;
  }
}

interface Refusal extends Ended {
  detail: string;
  fields: Record<string, string>;
  retry_after: number;
  methods: string[];
}

/** How a session ended, from whatever tells it. */
export const endOf = ({ reason, by, at, message }: Ended): Ended => ({ reason, by, at, ...(message && { message }) });
