import { fileURLToPath } from "node:url";
import { verify } from "@postrider/sdk";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../support/house.ts";
import { createDatabase } from "../support/postgres.ts";
import { productionEnvironment, startService } from "../support/process.ts";
import { openReporters } from "./reporters.ts";

const shiftClock = fileURLToPath(new URL("./shift-clock.js", import.meta.url));
const shiftHours = 2;

test("a process whose clock is two hours ahead delivers nothing early and nothing twice; only its timestamps are wrong", async () => {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const env = productionEnvironment(database.url);
  const ahead = { NODE_OPTIONS: `--import ${shiftClock}`, SHIFT_HOURS: String(shiftHours) };
  const [right, wrong] = await Promise.all([
    startService(["serve"], env),
    startService(["serve"], { ...env, ...ahead }),
  ]);
  const byRight = await openReporters(right.url, env.POSTRIDER_API_KEY ?? "");
  const byWrong = await openReporters(wrong.url, env.POSTRIDER_API_KEY ?? "");
  // Each run is told to both receivers: the team is one.
  const receivers = [byRight.receiver, byWrong.receiver];
  for (const receiver of receivers)
    receiver.answerBy((_request, count) => (count <= 8 ? 500 : 200));

  for (let n = 0; n < 4; n++) await Promise.all([byRight.report(), byWrong.report()]);
  for (const receiver of receivers) await receiver.received(16);
  await until("everything is delivered", async () => {
    const list = "/workflows/v1/workflow-webhooks/events?status=pending";
    return (await byRight.call("GET", list)).body.total === 0;
  });

  const secrets = await signingSecrets(byRight);
  const offBy = new Set<number>();
  for (const receiver of receivers) {
    expect(receiver.requests).toHaveLength(16);
    const firstOf = new Map<unknown, number>();
    for (const { headers, body, arrivedAtMs } of receiver.requests) {
      const first = firstOf.get(headers["webhook-id"]);
      firstOf.set(headers["webhook-id"], first ?? arrivedAtMs);
      // The backoff is half a second to a second, by the clock of the database.
      if (first !== undefined) expect(arrivedAtMs - first).toBeGreaterThanOrEqual(500);
      const hours = Math.round((Number(headers["webhook-timestamp"]) * 1_000 - Date.now()) / 3.6e6);
      offBy.add(hours);
      const now = () => Date.now() + hours * 3.6e6;
      await verify(body, headers as Record<string, string>, secrets, { now });
      // A receiver that does as it should refuses what was signed in the future.
      const asItShould = verify(body, headers as Record<string, string>, secrets);
      if (hours === shiftHours) {
        await expect(asItShould).rejects.toMatchObject({ code: "timestamp_too_new" });
      } else await asItShould;
    }
  }
  expect([...offBy].sort()).toEqual([0, shiftHours]);
});

async function signingSecrets({ call }: Awaited<ReturnType<typeof openReporters>>) {
  const path = "/workflows/v1/workflow-webhooks";
  const { body } = await call("GET", path);
  const ids: string[] = body.subscriptions.map(({ id }: { id: string }) => id);
  const answers = await Promise.all(ids.map((id) => call("GET", `${path}/${id}/signing-secret`)));
  return answers.map((answer) => answer.body.secret as string);
}
