import { payloadContext } from "../db/events.ts";
import type { Database } from "../db/pool.ts";
import { listSealingTeams } from "../db/team-settings.ts";
import type { RenderedEvent } from "../domain/contracts/contract.ts";
import { sealValue } from "../sealed-values.ts";
import type { Keyring } from "../secrets.ts";

/** The keys for sealing, and the teams that want their payloads sealed. */
export type Sealing = { keyring: Keyring; teams: ReadonlySet<string> };

/** Knows which teams' new payloads are sealed, and has the keys. */
export type PayloadVault = {
  keyring: Keyring;
  /** Its answer is at most two seconds old. */
  sealing(): Promise<Sealing>;
};

const freshForMs = 2_000;

/** Opens the vault. A changed setting applies in every process within two seconds. */
export function openPayloadVault(deps: { database: Database; keyring: Keyring }): PayloadVault {
  const { keyring } = deps;
  let known: Sealing = { keyring, teams: new Set() };
  let untilMs = Number.NEGATIVE_INFINITY;
  let asking: Promise<Sealing> | undefined;

  async function ask(): Promise<Sealing> {
    // Measured before the query: the answer may be that old.
    const askedAtMs = performance.now();
    known = { keyring, teams: new Set(await listSealingTeams(deps.database.sql)) };
    untilMs = askedAtMs + freshForMs;
    return known;
  }

  return {
    keyring,
    async sealing() {
      if (performance.now() < untilMs) return known;
      asking ??= ask().finally(() => {
        asking = undefined;
      });
      return await asking;
    },
  };
}

/** Events as they are stored: with sealed payloads if the team wants that. */
export const sealPayloads = (
  { keyring, teams }: Sealing,
  events: readonly RenderedEvent[],
): readonly RenderedEvent[] =>
  teams.size === 0
    ? events
    : events.map((event) =>
        teams.has(event.teamId)
          ? {
              ...event,
              payload: sealValue(keyring, event.payload, payloadContext(event.teamId, event.id)),
            }
          : event,
      );
