import { isTransient } from "./api-error.ts";
import type { FactResults, FactSink } from "./facts.ts";
import { FactsRefused, refusalsOf, unfinishedIn } from "./refusals.ts";
import type { Send } from "./request.ts";

/** How long a report is repeated after an earlier one was given up because the service was away. */
const shortPatienceMs = 2_000;

/**
 * Sends each fact in its own request, immediately; `report` throws if the fact is refused.
 *
 * While the service is away, a report is repeated for `patienceMs`. Its identity makes that safe. A service that stays away
 * costs this patience once, not once for every report: the following ones are given up sooner, until one gets through.
 */
export function openDirectSink(send: Send, patienceMs: number): FactSink {
  let away = false;
  return {
    async report(fact) {
      const named = { id: crypto.randomUUID(), ...fact };
      try {
        const { results } = await send<FactResults>({
          method: "POST",
          path: "/v1/facts",
          body: { facts: [named] },
          namesItself: true,
          patienceMs: away ? Math.min(shortPatienceMs, patienceMs) : patienceMs,
          unfinished: unfinishedIn,
        });
        away = false;
        const refusals = refusalsOf([named], results);
        if (refusals.length > 0) throw new FactsRefused(refusals);
      } catch (error) {
        if (isTransient(error)) away = true;
        throw error;
      }
    },
    flush: async () => {},
  };
}
