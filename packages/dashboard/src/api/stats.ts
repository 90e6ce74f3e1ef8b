import type { GetStatsAnswer } from "@postrider/sdk";
import { queryOptions } from "@tanstack/react-query";
import { ask } from "./request.ts";

/** The time spans of charts, each with a bucket that gives 24 to 60 bars. */
export const spans = {
  hour: { name: "Last hour", ms: 3_600_000, step: "minute" },
  day: { name: "Last 24 hours", ms: 86_400_000, step: "hour" },
  week: { name: "Last 7 days", ms: 7 * 86_400_000, step: "hour" },
  month: { name: "Last 30 days", ms: 30 * 86_400_000, step: "day" },
} as const;

/** The name of a span. */
export type SpanName = keyof typeof spans;

/** Counts over a span that ends now, of all endpoints or one. */
export const statsQuery = (span: SpanName, endpointId?: string) =>
  queryOptions({
    queryKey: ["stats", span, endpointId],
    queryFn: ({ signal }) =>
      ask<GetStatsAnswer>("GET", "/v1/stats", {
        query: {
          from: new Date(Date.now() - spans[span].ms).toISOString(),
          step: spans[span].step,
          endpoint_id: endpointId,
        },
        signal,
      }),
  });
