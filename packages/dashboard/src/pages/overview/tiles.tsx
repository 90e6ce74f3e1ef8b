import type { StatsBucket } from "@postrider/sdk";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { endpointsQuery } from "../../api/endpoints.ts";
import { type SpanName, spans, statsQuery } from "../../api/stats.ts";
import { Age } from "../../components/times.tsx";
import { printSearch } from "../../search.ts";
import { count, counted, percent } from "../../words/numbers.ts";
import { duration } from "../../words/times.ts";
import { latestOf, totalsOf } from "../../words/totals.ts";
import { Spark } from "./spark.tsx";

/** Four numbers, each with a link to what it counts. */
export function Tiles({ span }: { span: SpanName }) {
  const { data: stats } = useQuery(statsQuery(span));
  const { data: listed } = useQuery(endpointsQuery());
  const buckets = stats?.buckets ?? [];
  const totals = totalsOf(buckets);
  const latest = latestOf(buckets);
  const ended = totals.delivered + totals.failed;
  const from = buckets[0]?.at ?? new Date(Date.now() - spans[span].ms).toISOString();
  const waiting = listed?.endpoints.filter(({ health }) => health.pending > 0) ?? [];
  const oldest = waiting.map(({ health }) => health.oldest_due_at).filter((at) => at !== null);
  const pending = waiting.reduce((sum, { health }) => sum + health.pending, 0);
  const list = (status: readonly string[]): string => `/deliveries${printSearch({ status, from })}`;
  return (
    <div className="grid grid-cols-2 gap-4 xl:grid-cols-4">
      <Tile
        href={list(["delivered"])}
        name="Delivered"
        value={stats && count(totals.delivered)}
        note={`${counted(totals.attempts, "attempt")}`}
        spark={buckets.map(({ delivered }) => delivered)}
        token="ok"
      />
      <Tile
        href={list(["failed"])}
        name="Failed for good"
        value={stats && count(totals.failed)}
        bad={totals.failed > 0}
        note={ended === 0 ? "nothing ended yet" : `${percent(totals.failed / ended)} of what ended`}
        spark={buckets.map(({ failed }) => failed)}
        token="bad"
      />
      <Tile
        href={list([])}
        name="Answers take, p95"
        value={stats && (latest?.p95_ms == null ? "–" : duration(latest.p95_ms))}
        note={latest?.p50_ms == null ? "no attempt yet" : `half of them ${duration(latest.p50_ms)}`}
        spark={valuesOf(buckets)}
        token="accent"
      />
      <Tile
        href={`/deliveries${printSearch({ status: ["pending", "retrying"] })}`}
        name="Oldest delivery due"
        value={listed && (oldest.length === 0 ? "–" : <Age at={oldest.toSorted()[0] ?? ""} />)}
        note={
          pending === 0
            ? "nothing waits"
            : `${counted(pending, "waits", "wait")} at ${counted(waiting.length, "endpoint")}`
        }
        spark={[]}
        token="wait"
      />
    </div>
  );
}

const valuesOf = (buckets: readonly StatsBucket[]): number[] =>
  buckets.flatMap(({ p95_ms }) => p95_ms ?? []);

type TileProps = {
  href: string;
  name: string;
  value: React.ReactNode;
  note: string;
  bad?: boolean;
  spark: readonly number[];
  token: string;
};

const Tile = ({ href, name, value, note, bad = false, spark, token }: TileProps) => (
  <Link href={href} className="card grid content-start gap-0.5 px-4 py-3 hover:border-line-strong">
    <span className="text-xs text-ink-2">{name}</span>
    <span className={`text-2xl leading-8 font-[620] tracking-tight ${bad ? "text-bad" : ""}`}>
      {value ?? <span className="skeleton inline-block h-6 w-20" />}
    </span>
    <span className="text-xs text-ink-3">{note}</span>
    <Spark values={spark} token={token} />
  </Link>
);
