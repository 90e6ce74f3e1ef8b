import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import {
  getSigningSecret,
  newSigningSecret,
  replaceSigningSecret,
} from "../../src/actions/signing-secret.ts";
import { armFaultPoints } from "../../src/fault-points.ts";
import { newId } from "../../src/ids.ts";
import { type House, openHouse } from "../support/house.ts";

const ownerIn = ({ teamId }: House) => ({ teamId, contract: "workflow" });

const auditedSubjects = async ({ database }: House) =>
  (await database.sql<{ id: string }>`select subject_id as id from audit_log`).map(({ id }) => id);

test("a signing secret has 32 random bytes", () => {
  const [one, other] = [newSigningSecret(), newSigningSecret()];
  expect(one).toMatch(/^whsec_/);
  expect(Buffer.from(one.slice("whsec_".length), "base64")).toHaveLength(32);
  expect(one).not.toBe(other);
});

test("a secret that is read or replaced is in the audit log, and all processes are notified of the new one", async () => {
  const house = await openHouse({ started: false });
  const { id, secret: old } = await house.subscribe();
  const owner = ownerIn(house);
  expect(await getSigningSecret(house, owner, id)).toEqual({
    secret: old,
    previousExpiresAt: null,
  });
  expect(await auditedSubjects(house)).toEqual([id]);

  const listener = new pg.Client({ connectionString: house.databaseUrl });
  await listener.connect();
  onTestFinished(() => listener.end());
  await listener.query("listen postrider");
  const heard: unknown[] = [];
  listener.on("notification", ({ payload }) => heard.push(JSON.parse(payload ?? "")));
  const points: string[] = [];
  armFaultPoints((point) => {
    if (point.startsWith("secret_")) points.push(point);
  });

  const replaced = await replaceSigningSecret(house, owner, id, "a key");
  expect(points).toEqual(["secret_before_commit", "secret_after_commit"]);
  expect(replaced.secret).not.toBe(old);
  expect(await getSigningSecret(house, owner, id)).toEqual(replaced);
  expect(await auditedSubjects(house)).toEqual([id, id, id]);
  await expect.poll(() => heard).toContainEqual({ subscription: id });

  // Each is sealed in its own column: the dispatcher opens it there.
  const [row] = await house.database.sql<{ current: Buffer; previous: Buffer }>`
    select sealed_signing_secret as current, sealed_previous_secret as previous
    from subscriptions where id = ${id}`;
  if (!row) throw new Error("the subscription is gone");
  const place = { table: "subscriptions", teamId: house.teamId, rowId: id };
  const { keyring } = house;
  expect(keyring.open(row.current, { ...place, column: "sealed_signing_secret" })).toBe(
    replaced.secret,
  );
  expect(keyring.open(row.previous, { ...place, column: "sealed_previous_secret" })).toBe(old);
});

test("a subscription of another team, of another contract or of nobody has no secret", async () => {
  const house = await openHouse({ started: false });
  const { id } = await house.subscribe();
  const own = ownerIn(house);
  const wrong = [
    [{ ...own, teamId: await house.newTeam() }, id],
    [{ ...own, contract: "organisation" }, id],
    [own, newId()],
  ] as const;
  for (const [owner, subscriptionId] of wrong) {
    const notFound = { code: "not_found" };
    await expect(getSigningSecret(house, owner, subscriptionId)).rejects.toMatchObject(notFound);
    await expect(replaceSigningSecret(house, owner, subscriptionId, "a key")).rejects.toMatchObject(
      notFound,
    );
  }
  expect(await auditedSubjects(house)).toEqual([]);
});
