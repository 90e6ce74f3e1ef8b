import type { FactList, ReportFactsAnswer } from "./api.gen.ts";

/** A fact: something that happened, in the form of POST /v1/facts. */
export type Fact = FactList["facts"][number];

/** A fact with the identity under which it counts once. */
export type ReportedFact = Fact & { id: string };

/** The result of each fact of a request, in order. */
export type FactResults = ReportFactsAnswer;

/** Why a fact was refused. */
export type FactError = Pick<
  NonNullable<FactResults["results"][number]["error"]>,
  "code" | "detail" | "errors"
>;

/** Accepts facts and delivers them in order. */
export type FactSink = {
  report(fact: Fact): Promise<void>;
  flush(): Promise<void>;
};
