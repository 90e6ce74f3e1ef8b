import { type Fact, Postrider } from "@postrider/sdk";
import { expect, test } from "vitest";
import { openProgram } from "../../bin/program.ts";
import { simulations } from "../../bin/simulate.ts";
import { openCountingSink, playAll } from "../../bin/simulation.ts";

const fact: Fact = { type: "workflow.created", data: { name: "A" } };

/** A client of a service that answers each request to report facts as told. */
function openClient(answer: (count: number) => object) {
  let count = 0;
  const client = new Postrider({
    url: "https://postrider.test",
    apiKey: "prk_test",
    retriesMax: 0,
    fetch: async () => Response.json(answer(++count)),
  });
  return { client, asked: () => count };
}

test("facts that are refused are counted, and the play goes on", async () => {
  const { client } = openClient((count) => ({
    results: [count === 2 ? { index: 0, status: "refused", error: { code: "id_taken" } } : {}],
  }));
  const { sink, tally } = openCountingSink(client);
  for (let n = 0; n < 3; n++) await sink.report(fact);
  await sink.flush();
  expect(tally).toEqual({ sent: 2, refused: 1 });
});

test("a service that cannot be asked any more ends the play with its error, though reporters keep it back", async () => {
  const { client, asked } = openClient((count) => {
    if (count > 1) throw new TypeError("fetch failed");
    return { results: [{}] };
  });
  const { sink, tally } = openCountingSink(client);
  const play = async () => {
    const run = await client.runs.start({ workflow_id: "1", trigger: "manual" }, { buffer: sink });
    await run.complete();
    await sink.flush();
  };
  const stop = new AbortController().signal;
  const played = playAll(play, { count: 100, perSecond: 100, stop });
  await expect(played).rejects.toMatchObject({ name: "ConnectionError" });
  expect(tally).toEqual({ sent: 1, refused: 0 });
  expect(asked()).toBe(2);
});

test("the command line offers every simulation that there is, and no other", () => {
  const simulate = openProgram().commands.find((one) => one.name() === "simulate");
  expect(simulate?.registeredArguments[0]?.argChoices).toEqual(Object.keys(simulations));
});
