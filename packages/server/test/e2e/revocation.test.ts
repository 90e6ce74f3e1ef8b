import { expect, test } from "vitest";
import { createDatabase } from "../support/postgres.ts";
import { productionEnvironment, startService } from "../support/process.ts";

test("a key that one process revokes is refused by another within five seconds", async () => {
  const home = await createDatabase();
  const env = productionEnvironment(home.url);
  const [here, there] = await Promise.all([
    startService(["serve"], env),
    startService(["serve"], env),
  ]);
  const ask = (url: string, method: string, path: string, key: string, body?: object) =>
    fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body ? { "content-type": "application/json" } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  const me = "/accounts/v1/users/me";
  const operator = env.POSTRIDER_API_KEY ?? "";
  const made = await ask(here.url, "POST", "/v1/api-keys", operator, {
    name: "to be revoked",
    scopes: ["read"],
  });
  const { id, key } = (await made.json()) as { id: string; key: string };
  const statuses = async () =>
    Promise.all([here, there].map(async ({ url }) => (await ask(url, "GET", me, key)).status));
  expect(await statuses()).toEqual([200, 200]);

  // Asked for all the time, so that a process which remembers a key as long as it is used would never let it go.
  let latest = 200;
  let asking = true;
  const busy = (async () => {
    while (asking) latest = (await ask(there.url, "GET", me, key)).status;
  })();
  const revokedAtMs = performance.now();
  const revoked = await ask(here.url, "DELETE", `/v1/api-keys/${id}`, operator);
  expect(revoked.status).toBe(204);
  await expect.poll(() => latest, { timeout: 5_000, interval: 20 }).toBe(401);
  expect(performance.now() - revokedAtMs).toBeLessThan(5_000);
  asking = false;
  await busy;
  expect(await statuses()).toEqual([401, 401]);
  for (const process of [here, there]) {
    expect(await process.terminate()).toBe(0);
    expect(process.output()).not.toContain(key);
  }
  await home.drop();
}, 60_000);
