import type { FastifyRequest } from "fastify";
import type { Fact } from "../../domain/facts.ts";

/**
 * What a reporter says: who it is, the body it sent, and the exact text of the body's members.
 *
 * A request is one; so is each fact of a bulk request, with its `data` for a body.
 */
export type Told<Body> = Pick<FastifyRequest, "caller" | "bodyMembers"> & { body: Body };

/** The fact of one type. */
export type FactOf<Type extends Fact["type"]> = Extract<Fact, { type: Type }>;
