import { expect, onTestFinished, test } from "vitest";
import type { CallAnswer } from "../support/api.ts";
import { openFactsApi } from "../support/facts.ts";
import { furnish, type Names, unknownNames } from "../support/furnish.ts";
import { withoutNames } from "../support/requests.ts";
import { type Row, rowsOf } from "./rows.ts";

const mark = "of-team-b";

/** Team A, who asks, and team B with one of everything, all of it marked. */
async function openTeams() {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  const b = await api.newTeam();
  const names = await furnish(api, { ...b, secret: mark });
  const stateOfB = () => api.database.sql`
    select 'subscription' as what, to_jsonb(s) - 'updated_at' as row from subscriptions s where team_id = ${b.teamId}
    union all select 'delivery', to_jsonb(d) from deliveries d where team_id = ${b.teamId}
    order by 1, 2`;
  return { api, b, names, stateOfB };
}

/** The nearest route of this service to the one a row names. */
function routeOf(path: string, names: Names): string {
  const [id = ""] = (path.startsWith("/webhooks") ? names.subscription_id : names.webhook_id) ?? [];
  const [deliveryId = "", eventId = ""] = names.event_id ?? [];
  const history = "/workflows/v1/workflow-webhooks/events";
  return path
    .replace("/rotate-secret", "/signing-secret/rotate")
    .replace("/deliveries/{delivery_of_B}", `${history}/${deliveryId}/attempts`)
    .replace("/events/{event_of_B}", `${history}/${eventId}/attempts`)
    .replace("{id_of_B}", id);
}

test.each(rowsOf("tenant: foreign id"))(
  "$id: $input.method $input.path looks like an unknown id, and changes nothing",
  async ({ input }) => {
    const { api, names, stateOfB } = await openTeams();
    const before = await stateOfB();
    const unknown = unknownNames(names);
    const options = input.method === "PATCH" ? { body: { name: "taken over" } } : {};
    const ask = (of: Names) => api.call(input.method, routeOf(input.path, of), options);
    const [foreign, nobody] = [await ask(names), await ask(unknown)];
    const sent = [names, unknown].flatMap((one) => Object.values(one).flat());
    expect(foreign.status).toBe(404);
    expect(withoutNames(foreign, sent)).toBe(withoutNames(nobody, sent));
    expect(await stateOfB()).toEqual(before);
  },
);

/** Lists that could show something of another team. */
const lists = [
  "/webhooks",
  "/webhooks/logs/all",
  "/workflows/v1/workflow-webhooks",
  "/workflows/v1/workflow-webhooks/events",
  "/workflows/v1/workflows",
  "/workflows/v1/workflow-runs",
  "/assistants/v1/assistants",
  "/calls/v1/conversations",
  "/v1/teams",
  "/v1/api-keys",
];

test.each(rowsOf<Row>("tenant: selector"))("$id: $why; no list shows a row of B", async (row) => {
  const { input, expect: wanted } = row;
  const { api, b } = await openTeams();
  for (const path of lists) {
    const asked: [string, Record<string, string>][] = [];
    const fill = (text: string) =>
      text.replaceAll("org A", api.teamId).replaceAll("org B", b.teamId);
    for (const header of ["x-org-id", "teamid"]) {
      if (typeof input.org_header === "string")
        asked.push([path, { [header]: fill(input.org_header) }]);
    }
    // Two lines of one header reach the service joined, or as one of each name.
    if (Array.isArray(input.org_header)) {
      const [one = "", other = ""] = input.org_header.map(fill);
      asked.push(
        [path, { "x-org-id": `${one}, ${other}` }],
        [path, { "x-org-id": one, teamid: other }],
      );
    }
    if (input.query) asked.push([`${path}${input.query.replaceAll("=B", `=${b.teamId}`)}`, {}]);
    for (const [url, headers] of asked) {
      const answer: CallAnswer = await api.call("GET", url, { headers });
      expect(answer.text, url).not.toContain(mark);
      expect(wanted.status_any ?? [200, 422], url).toContain(answer.status);
    }
  }
});
