import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, preview } from "vite";
import { freePort, type Hub } from "../support/hub";
import { expect, password, test } from "../support/test";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const root = at("../../../examples/react-spa");

/** Builds the example for the hub, and serves it on the port. */
async function serve(hub: Hub, port: number) {
  const outDir = join(hub.folder, "spa");
  await build({
    root,
    logLevel: "warn",
    define: { "import.meta.env.VITE_GATEHOUSE_URL": JSON.stringify(hub.url) },
    // What npm install would put there.
    resolve: {
      alias: {
        "@gatehouse/client/react": at("../../sdk/src/react.tsx"),
        "@gatehouse/client": at("../../sdk/src/index.ts"),
        "react-dom": at("../../node_modules/react-dom"),
        react: at("../../node_modules/react"),
      },
    },
    build: { outDir, emptyOutDir: true },
  });
  const server = await preview({ root, logLevel: "warn", build: { outDir }, preview: { port, strictPort: true } });
  return async () => {
    await server.close();
    rmSync(outDir, { recursive: true, force: true });
  };
}

test("the example: another origin signs in, sees devices come, and is told when it is signed out", async ({
  device,
  another,
  allow,
}) => {
  allow(/401/); // the wrong password
  const port = await freePort();
  const page = `http://localhost:${port}`;
  const hub = await another({ settings: { ALLOWED_ORIGINS: page } });
  const stop = await serve(hub, port);
  try {
    const ada = hub.person();
    const { page: spa } = await device(undefined, { hub, at: page });
    await spa.getByLabel("E-mail").fill(ada.email);
    await spa.getByLabel("Password").fill("not the password");
    await spa.getByRole("button", { name: "Sign in" }).click();
    await expect(spa.getByRole("alert")).toBeVisible();
    await spa.getByLabel("Password").fill(password);
    await spa.getByRole("button", { name: "Sign in" }).click();
    const rows = spa.getByRole("listitem");
    await expect(rows).toHaveCount(1);
    await expect(rows).toContainText("●");

    const phone = await hub.signIn(ada, "Phone");
    await expect(rows).toHaveCount(2);
    await rows.filter({ hasText: "Phone" }).getByRole("button").click();
    await expect(rows).toHaveCount(1);
    expect((await hub.ask("GET /auth/me", { token: phone.token })).status).toBe(401);

    await hub.endOther(await hub.signIn(ada, "Laptop"));
    await expect(spa.getByRole("status")).toContainText("You were signed out (session_revoked)");
    await expect(spa.getByLabel("E-mail")).toBeVisible();
  } finally {
    await stop();
  }
});
