import type { Fact } from "../domain/facts.ts";
import { AppError } from "../errors.ts";
import type { OpenSpan, Tracing } from "../tracing.ts";
import type { FactsIntake } from "./record-facts.ts";

/** Records a span for each report until its commit; the attempts that follow belong under that span. */
export function traceFacts(intake: FactsIntake, tracing: Tracing): FactsIntake {
  async function tell<T>(
    facts: readonly Fact[],
    work: (under: (fact: Fact) => Fact) => Promise<T>,
  ): Promise<T> {
    // All facts of a request have the same trace.
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

/** Makes the span the parent of what follows. A span that is not exported is left out: it would be a gap in the trace. */
function childOf(fact: Fact, { spanId, recorded }: OpenSpan): Fact {
  const { trace } = fact;
  if (!recorded || trace === undefined) return fact;
  return { ...fact, trace: `${trace.slice(0, 36)}${spanId}${trace.slice(52)}` };
}
