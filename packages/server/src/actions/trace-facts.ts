import type { Fact } from "../domain/facts.ts";
import { AppError } from "../errors.ts";
import type { OpenSpan, Tracing } from "../tracing.ts";
import type { FactsIntake } from "./record-facts.ts";

/** Tells of each report until its commit; what comes of it belongs under that span from then on. */
export function traceFacts(intake: FactsIntake, tracing: Tracing): FactsIntake {
  async function tell<T>(
    facts: readonly Fact[],
    work: (under: (fact: Fact) => Fact) => Promise<T>,
  ): Promise<T> {
    // The facts of a request have its trace.
    const span = tracing.open("record", "internal", facts[0]?.trace);
    const counts = { "postrider.facts": facts.length };
    try {
      const result = await work((fact) => childOf(fact, span));
      span.end(counts);
      return result;
    } catch (error) {
      span.end(counts, error instanceof AppError ? error.code : "internal_error");
      throw error;
    }
  }
  return {
    record: (fact) => tell([fact], (under) => intake.record(under(fact))),
    recordAll: (facts) => tell(facts, (under) => intake.recordAll(facts.map(under))),
    idle: () => intake.idle(),
  };
}

/** Puts the span between a report's trace and what follows; one that the collector never sees would be a gap. */
function childOf(fact: Fact, { spanId, recorded }: OpenSpan): Fact {
  const { trace } = fact;
  if (!recorded || trace === undefined) return fact;
  return { ...fact, trace: `${trace.slice(0, 36)}${spanId}${trace.slice(52)}` };
}
