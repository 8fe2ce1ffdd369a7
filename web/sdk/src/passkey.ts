import { GatehouseError } from "./error.js";
import type { Ceremony } from "./gen/api.js";

// The browser's own JSON helpers of WebAuthn Level 3 where it has them, else the few lines that they would be.

type Helper = (options: unknown) => object;

interface Native {
  parseCreationOptionsFromJSON?: Helper;
  parseRequestOptionsFromJSON?: Helper;
  isConditionalMediationAvailable?(): Promise<boolean>;
}

const native = () => (globalThis as { PublicKeyCredential?: Native }).PublicKeyCredential;

export async function canAutofill(): Promise<boolean> {
  return !!(await native()?.isConditionalMediationAvailable?.());
}

/** Makes a passkey (create) or shows one (get): what the hub wants to see of it. */
export async function passkey(kind: "create" | "get", { ceremony, options }: Ceremony, more?: object) {
  const helpers = native();
  if (!helpers) throw new GatehouseError("unsupported");
  const parse = `parse${kind === "get" ? "Request" : "Creation"}OptionsFromJSON` as const;
  const publicKey = (helpers[parse]?.(options) ?? open(options)) as PublicKeyCredentialRequestOptions &
    PublicKeyCredentialCreationOptions;
  try {
    const got = (await navigator.credentials[kind]({ publicKey, ...more })) as PublicKeyCredential;
    return { ceremony, credential: got.toJSON?.() ?? close(got) };
  } catch (cause) {
    throw Object.assign(new GatehouseError("cancelled"), { cause });
  }
}

/** Options from JSON: the members that are base64url become buffers. */
function open(json: unknown, name = ""): unknown {
  if (Array.isArray(json)) return json.map((item) => open(item));
  if (typeof json === "object")
    return json && Object.fromEntries(Object.entries(json).map(([k, v]) => [k, k === "rp" ? v : open(v, k)]));
  if (!/^(challenge|id)$/.test(name)) return json;
  return Uint8Array.from(atob(String(json).replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
}

/** A credential as JSON. Its members are getters of prototypes. */
function close(got: PublicKeyCredential) {
  const response: Record<string, unknown> = {};
  const answer = got.response as AuthenticatorAttestationResponse & Record<string, unknown>;
  for (const name in answer) {
    const value = answer[name];
    if (value instanceof ArrayBuffer) {
      const text = btoa(String.fromCharCode(...new Uint8Array(value)));
      response[name] = text.replace(/[+/=]/g, (c) => (c === "+" ? "-" : c === "/" ? "_" : ""));
    }
  }
  response.transports = answer.getTransports?.();
  return {
    id: got.id,
    rawId: got.id,
    type: got.type,
    response,
    clientExtensionResults: got.getClientExtensionResults(),
  };
}
