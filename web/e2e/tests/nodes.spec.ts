import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { freePort } from "../support/hub";
import { expect, momentOf, report, test } from "../support/test";

const mongo = process.env.GATEHOUSE_TEST_MONGODB_URI;

/** Starts a Redis that keeps nothing. Its hubs wait for it. */
async function startRedis() {
  const port = await freePort();
  const server = spawn("redis-server", [
    "--port",
    `${port}`,
    "--bind",
    "127.0.0.1",
    "--save",
    "",
    "--appendonly",
    "no",
  ]);
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.stdout.on("data", (text) => String(text).includes("Ready to accept") && resolve());
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    close: async () => {
      server.kill();
      await once(server, "exit");
    },
  };
}

test("two nodes: who comes and is kicked on one is seen on the other", async ({ device, another }) => {
  test.skip(!mongo, "GATEHOUSE_TEST_MONGODB_URI names no MongoDB");
  const redis = await startRedis();
  try {
    const name = `e2e_${randomBytes(6).toString("hex")}`;
    const shared = {
      STORE: `${mongo?.replace(/\/*$/, "")}/${name}`,
      REDIS_URL: redis.url,
      SECRET: randomBytes(32).toString("base64"),
      PRESENCE_GRACE: "1s",
    };
    const a = await another({ settings: shared });
    const b = await another({ settings: { ...shared, PUBLIC_URL: a.url } });
    const ada = a.person();
    const { page, rows } = await device(ada, { hub: a });
    await expect(rows).toHaveCount(1);
    const phone = await b.signIn(ada, "Phone");
    await expect(rows).toHaveCount(2);
    const gone = await momentOf(page, "You were signed out");
    const sent = Date.now();
    await b.endOther(phone);
    const took = (await gone()) - sent;
    report("kick on the other node to page", [took]);
    expect(took, "as quick as the bus, not as the look into the store").toBeLessThan(1000);
    await expect(page.getByRole("heading", { name: "You were signed out" })).toBeFocused();
  } finally {
    await redis.close();
  }
});
