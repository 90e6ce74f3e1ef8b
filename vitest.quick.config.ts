import { runOf } from "./vitest.runs.ts";

/**
 * What `npm test` leaves to `npm run test:long`: what is long by nature.
 *
 * A file belongs here when it waits for real time or starts many processes or servers, or when it tries thousands of
 * inputs. No guarantee is tested here alone that a test of the quick run could hold.
 */
export const long = [
  // Services and databases that are killed, frozen and cut off, at each step of a delivery.
  "chaos/test/{chaos,fault-proxy,start}.test.ts",
  "packages/server/test/fire/*.test.ts",
  // Services, commands and samples as processes of their own; the first delivery of a newcomer stays in the quick run.
  "packages/server/test/e2e/!(newcomer).test.ts",
  "packages/server/test/bin/receiver.test.ts",
  "packages/server/test/mcp/over-stdio.test.ts",
  "packages/server/test/docs/{receiving,how-to}.test.ts",
  "packages/server/test/hostile/{faults,redaction}.test.ts",
  // Breaks copies of the tree, and runs tests on each.
  "mutants/test/judge.test.ts",
  // Thousands of requests.
  "packages/server/test/hostile/injection.test.ts",
  "packages/server/test/dispatcher/reuse-under-load.test.ts",
  "packages/server/test/api/{never-500,never-500-bodies}.test.ts",
  "packages/server/test/security/{contract-fuzz,canaries}.test.ts",
  // The platform's own SDK, which waits before it asks again; sessions that are idle for seconds; slow receivers and names.
  "packages/server/test/api/platform-sdk.test.ts",
  "packages/server/test/db/session.test.ts",
  "packages/server/test/hostile/{fairness,names,receivers}.test.ts",
  "packages/server/test/dispatcher/tls-environment.test.ts",
  // Streams, which tell within half a second and check their key every two.
  "packages/server/test/api/delivery-stream.test.ts",
  // Listeners whose streams end, and leases whose owners do: after seconds.
  "packages/server/test/engine/{lease-owners,listeners}.test.ts",
  // A PostgreSQL server is created, killed and adopted in each test.
  "packages/server/test/embedded-postgres/*.test.ts",
  "packages/server/test/db/roles.test.ts",
];

export default runOf({ without: long });
