import type { FactList, ReportFactsAnswer } from "./api.gen.ts";

/** Something that happened, as POST /v1/facts takes it. */
export type Fact = FactList["facts"][number];

/** A fact with the identity under which it counts once. */
export type ReportedFact = Fact & { id: string };

/** How each fact of a request was judged. */
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
