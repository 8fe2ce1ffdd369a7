import { createHash, createSign, generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Settings } from "./hub";

interface Attempt {
  nonce: string;
  challenge: string;
  who: { sub: string; email: string; name: string };
}

/** A small OpenID provider whose user consents to everything, or whatever a test wants instead. */
export interface Provider {
  settings: Settings;
  /** Who is signed in there. */
  user: { sub: string; email: string; name: string };
  /** What happens at the provider. */
  mode: "consent" | "cancel" | "other state";
  close(): void;
}

export async function openProvider(): Promise<Provider> {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const attempts = new Map<string, Attempt>();
  const server = createServer((request, response) => {
    handle(request, response).catch((error) => response.writeHead(500).end(String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://localhost:${(server.address() as AddressInfo).port}`;
  const provider: Provider = {
    settings: {
      OAUTH_GOOGLE_CLIENT_ID: "e2e",
      OAUTH_GOOGLE_CLIENT_SECRET: "e2e-secret",
      OAUTH_GOOGLE_ISSUER: issuer,
    },
    user: { sub: "1", email: "nobody@example.com", name: "Nobody" },
    mode: "consent",
    close: () => server.close(),
  };

  async function handle(request: IncomingMessage, response: ServerResponse) {
    const url = new URL(request.url ?? "/", issuer);
    switch (url.pathname) {
      case "/.well-known/openid-configuration":
        return json(response, {
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          jwks_uri: `${issuer}/keys`,
          userinfo_endpoint: `${issuer}/userinfo`,
          response_types_supported: ["code"],
          subject_types_supported: ["public"],
          id_token_signing_alg_values_supported: ["RS256"],
        });
      case "/keys":
        return json(response, {
          keys: [{ ...publicKey.export({ format: "jwk" }), kid: "1", alg: "RS256", use: "sig" }],
        });
      case "/authorize":
        return authorize(url, response);
      case "/token":
        return json(response, token(new URLSearchParams(await text(request))));
    }
    response.writeHead(404).end();
  }

  function authorize(url: URL, response: ServerResponse) {
    const asked = url.searchParams;
    const back = new URL(asked.get("redirect_uri") ?? "");
    back.searchParams.set("state", provider.mode === "other state" ? "forged" : (asked.get("state") ?? ""));
    if (provider.mode === "cancel") back.searchParams.set("error", "access_denied");
    else {
      const code = randomUUID();
      const [nonce, challenge] = [asked.get("nonce") ?? "", asked.get("code_challenge") ?? ""];
      attempts.set(code, { nonce, challenge, who: provider.user });
      back.searchParams.set("code", code);
    }
    response.writeHead(302, { Location: back.href }).end();
  }

  function token(form: URLSearchParams) {
    const attempt = attempts.get(form.get("code") ?? "");
    attempts.delete(form.get("code") ?? "");
    const shown = createHash("sha256")
      .update(form.get("code_verifier") ?? "")
      .digest("base64url");
    if (!attempt || shown !== attempt.challenge) throw new Error("the code is wrong");
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: issuer,
      aud: "e2e",
      iat: now,
      exp: now + 300,
      nonce: attempt.nonce,
      email_verified: true,
      ...attempt.who,
    };
    return { access_token: randomUUID(), token_type: "Bearer", expires_in: 300, id_token: sign(claims) };
  }

  function sign(claims: object): string {
    const parts = [{ alg: "RS256", kid: "1", typ: "JWT" }, claims].map((part) =>
      Buffer.from(JSON.stringify(part)).toString("base64url"),
    );
    const signature = createSign("RSA-SHA256").update(parts.join(".")).sign(privateKey, "base64url");
    return [...parts, signature].join(".");
  }

  return provider;
}

function json(response: ServerResponse, body: object) {
  response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}

async function text(request: IncomingMessage): Promise<string> {
  let all = "";
  for await (const chunk of request) all += chunk;
  return all;
}
