import type { FastifyRequest } from "fastify";
import type { Fact } from "../../domain/facts.ts";

/**
 * A report: its caller, its body, and the exact text of the body's members.
 *
 * A request is one report; so is each fact of a bulk request, with `data` as its body.
 */
export type Told<Body> = Pick<FastifyRequest, "caller" | "bodyMembers"> & { body: Body };

/** The fact of one type. */
export type FactOf<Type extends Fact["type"]> = Extract<Fact, { type: Type }>;
