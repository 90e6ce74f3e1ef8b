import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { AppError } from "../../errors.ts";
import type { ApiDeps } from "../deps.ts";

const Status = Type.Object({ status: Type.Literal("ok") }, { title: "Status" });

/** Health and metrics for orchestrators and monitoring; without authentication, and without data of any team. */
export function healthRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const config = { scope: "none" } as const;
  const tags = ["Health"];

  app.get(
    "/livez",
    {
      config,
      schema: {
        operationId: "getLiveness",
        summary: "Says that the process runs",
        tags,
        response: { 200: Status },
      },
    },
    async () => ({ status: "ok" }),
  );

  app.get(
    "/readyz",
    {
      config,
      schema: {
        operationId: "getReadiness",
        summary: "Says whether requests can be served now, and if not, why",
        tags,
        response: { 200: Status },
      },
    },
    async () => {
      const reason = await deps.notReadyReason();
      if (reason !== undefined) throw new AppError("not_ready", reason);
      return { status: "ok" };
    },
  );

  app.get(
    "/metrics",
    {
      config,
      schema: {
        operationId: "getMetrics",
        summary: "Metrics in the Prometheus text format",
        tags,
        response: { 200: Type.String() },
      },
    },
    async (_request, reply) => {
      reply.type("text/plain; version=0.0.4; charset=utf-8");
      return deps.metrics.print();
    },
  );
}
