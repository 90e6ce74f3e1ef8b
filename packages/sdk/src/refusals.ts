import type { Problem } from "./api.gen.ts";
import { ApiError } from "./api-error.ts";
import type { FactError, FactResults, ReportedFact } from "./facts.ts";

/** One fact that the service refused, and why. It is not sent again. */
export type Refusal = { fact: ReportedFact; error: FactError };

/** Thrown if facts were refused; `refusals` names each of them. */
export class FactsRefused extends Error {
  readonly refusals: readonly Refusal[];

  constructor(refusals: readonly Refusal[]) {
    const [first] = refusals;
    const others = refusals.length > 1 ? ` (and ${refusals.length - 1} more)` : "";
    super(`${first?.fact.type} was refused: ${first?.error.code}: ${first?.error.detail}${others}`);
    this.name = "FactsRefused";
    this.refusals = refusals;
  }
}

/** The parts of a fact's result that are needed here. */
export type Outcome = Pick<FactResults["results"][number], "index" | "status"> & {
  error?: FactError | undefined;
};

/** Lists the facts of a request that were refused. */
export function refusalsOf(
  facts: readonly ReportedFact[],
  outcomes: readonly Outcome[],
): Refusal[] {
  return outcomes.flatMap(({ index, status, error }) => {
    const fact = facts[index];
    return status === "refused" && fact ? [{ fact, error: error ?? noReason }] : [];
  });
}

/**
 * Finds in an answer why all facts must be sent again: the service could not accept one now, which is not a refusal, or a
 * program between client and service answered instead.
 */
export function unfinishedIn(answer: Partial<FactResults> | undefined): ApiError | undefined {
  if (!Array.isArray(answer?.results)) {
    return new ApiError({
      status: 502,
      detail: "The answer does not say what became of the facts.",
    });
  }
  const outcomes: readonly Outcome[] = answer.results;
  const error = outcomes.find((one) => transientCodes.has(one.error?.code ?? ""))?.error;
  return error && new ApiError({ ...(error as Partial<Problem>), status: 503 });
}

const transientCodes: ReadonlySet<string> = new Set<Problem["code"]>([
  "overloaded",
  "storage_unavailable",
  "query_too_slow",
  "internal_error",
]);

const noReason: FactError = { code: "unexpected_answer", detail: "No reason was given." };
