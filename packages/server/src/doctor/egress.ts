import type { Config } from "../config.ts";
import type { Database } from "../db/pool.ts";
import { listLatestHostsOfAllTeams } from "../db/work-readings.ts";
import { lookUpAll, reachProxy, sendHead } from "../dispatcher/egress-probe.ts";
import { parseAddress } from "../domain/address.ts";
import type { EgressReading } from "../domain/diagnosis/work.ts";
import { parseTargetUrl } from "../domain/target-url.ts";

const hostsMax = 5;

/** Checks the way to receivers: with a HEAD to the given URL; without one, only with checks that send no request. */
export async function readEgress(
  { url, config }: { url: string | undefined; config: Config },
  database: Database | undefined,
): Promise<EgressReading> {
  const { egressProxy } = config;
  if (url === undefined) {
    return {
      kind: "unasked",
      proxy: egressProxy && {
        place: `${egressProxy.host}:${egressProxy.port}`,
        failure: await reachProxy(egressProxy),
      },
      names: egressProxy?.resolvesNames ? undefined : await readNames(config, database),
    };
  }
  const target = parseTargetUrl(url, config);
  if (!target.ok) return { kind: "refused", reason: target.reason };
  const { host } = new URL(target.url);
  const { result, latencyMs } = await sendHead(target.url, config);
  const seen = { host, proxy: egressProxy !== undefined };
  return result.kind === "responded"
    ? { kind: "answered", ...seen, status: result.status, latencyMs }
    : { kind: "unanswered", ...seen, reason: result.reason, detail: result.detail };
}

const isAddress = (host: string): boolean =>
  parseAddress(host.replace(/^\[(.*)\]$/, "$1")) !== undefined;

/** Looks up the names of the newest receivers. Without a database or its tables there are none. */
async function readNames(config: Config, database: Database | undefined) {
  if (!database) return undefined;
  const latest = await listLatestHostsOfAllTeams(database.sql, hostsMax).catch(() => []);
  const hosts = latest.filter((host) => !isAddress(host));
  if (hosts.length === 0) return undefined;
  return { asked: hosts.length, failed: await lookUpAll(hosts, config) };
}
