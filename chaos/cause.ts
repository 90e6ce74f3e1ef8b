import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "./schedule.ts";
import type { Stage } from "./stage.ts";

/** Whether there is anything to hit: a service that is only just starting is left to start. */
export function canHappen({ services }: Stage, fault: Fault): boolean {
  return (
    !["kill", "stop", "freeze", "cut_commits"].includes(fault.kind) ||
    serviceOf(services, fault)?.up === true
  );
}

/** Lets a fault happen; resolves when it is over, with the time. */
export async function cause(stage: Stage, fault: Fault): Promise<number> {
  const { journal, services, proxies, database } = stage;
  const service = serviceOf(services, fault);
  const proxy = "service" in fault ? proxies[fault.service] : undefined;
  const line = "service" in fault ? `line ${fault.service}` : "";
  switch (fault.kind) {
    case "kill":
      service?.end("SIGKILL");
      break;
    case "stop":
      service?.end("SIGTERM");
      break;
    case "freeze":
      await service?.freeze(fault.forMs);
      break;
    case "crash_database":
      journal.incident({ what: "", part: "database", up: false });
      await inTurn(() => database.crash());
      journal.incident({ what: "", part: "database", up: true });
      break;
    case "end_backends":
      await database
        .ask(
          `select pg_terminate_backend(pid) from (
             select pid from pg_stat_activity where application_name like 'postrider%'
             order by random() limit $1) chosen`,
          [fault.count],
        )
        .catch(() => {}); // The database may be down already.
      break;
    case "latency":
      proxy?.delay(fault.byMs);
      await sleep(fault.forMs);
      proxy?.delay(0);
      break;
    case "blackhole":
      journal.incident({ what: "", part: line, up: false });
      proxy?.blackhole();
      await sleep(fault.forMs);
      proxy?.heal();
      journal.incident({ what: "", part: line, up: true });
      break;
    case "reset":
      proxy?.reset();
      break;
    case "half_open":
      proxy?.halfOpen();
      break;
    case "cut_commits":
      proxy?.cutCommits(fault.count);
      break;
  }
  return journal.nowMs();
}

let crashing: Promise<void> = Promise.resolve();

/** The database cannot crash again while it starts. */
function inTurn(crash: () => Promise<void>): Promise<void> {
  crashing = crashing.then(crash);
  return crashing;
}

const serviceOf = (services: Stage["services"], fault: Fault) =>
  "service" in fault ? services[fault.service] : undefined;
