import type { UnansweredReason } from "../outcome.ts";
import { counted, type Finding, lasting, ok, problem, skipped, warning } from "./finding.ts";

/** Endpoints of all teams that fail or are disabled because they failed. */
export type EndpointsReading = {
  failing: number;
  /** Some of them, the longest failing first: ids, the host of the URL, for how long. */
  longest: readonly { id: string; teamId: string; host: string; failingSeconds: number }[];
  /** Disabled because they failed for days. */
  disabled: number;
};

/** Deliveries that are due and that no process has claimed. */
export type LagReading = {
  /** Processes of Postrider that are connected. */
  processes: number;
  /** Endpoints that do not fail and have a due delivery. */
  endpoints: number;
  /** How long the oldest such delivery has been due, in seconds; null: nothing is due. */
  oldestSeconds: number | null;
};

/** The result of the egress check. */
export type EgressReading =
  /** No URL was given: only checks that send no request. */
  | { kind: "unasked"; proxy: ProxyReading | undefined; names: NamesReading | undefined }
  | { kind: "refused"; reason: string }
  | { kind: "answered"; host: string; status: number; latencyMs: number; proxy: boolean }
  | { kind: "unanswered"; host: string; reason: UnansweredReason; detail: string; proxy: boolean };

/** Whether a connection to the proxy opens; `failure`: the system's error code when it does not. */
export type ProxyReading = { place: string; failure: string | undefined };

/** How many names of receivers were looked up, and those that were not found, with the reason. */
export type NamesReading = { asked: number; failed: readonly { host: string; detail: string }[] };

const dnsRemedy =
  "Check the name servers in /etc/resolv.conf of this machine, and that its firewall allows port 53.";
const wayRemedy =
  "Check the firewall of this machine and its network: the service connects to receivers on port 443.";

const egressRemedies: Partial<Record<UnansweredReason, string>> = {
  dns_error: dnsRemedy,
  blocked_address:
    "Postrider never connects to private addresses. Name the range in POSTRIDER_EGRESS_ALLOW if receivers are allowed there.",
  blocked_url: "Give a URL that is allowed for a subscription.",
  proxy_error:
    "Check host, port and credentials in POSTRIDER_EGRESS_PROXY, and the rules and the log of the proxy.",
  tls_error:
    "Check the receiver's certificate. If a proxy intercepts TLS, exclude Postrider's traffic from it.",
  connect_refused:
    "Nothing listens on this port, or a firewall refuses the connection. Check both.",
};

/** Decides whether requests can reach receivers. */
export function examineEgress(reading: EgressReading): Finding[] {
  const check = "egress";
  if (reading.kind === "refused") {
    const says = `Postrider does not deliver to this URL: ${reading.reason}`;
    return [problem(check, says, "Give a URL that is allowed for a subscription.")];
  }
  if (reading.kind === "unasked") return examineUnasked(reading.proxy, reading.names);
  const way = reading.proxy ? " through the proxy" : "";
  if (reading.kind === "unanswered") {
    const mend = egressRemedies[reading.reason] ?? wayRemedy;
    return [problem(check, `A HEAD to ${reading.host}${way}: ${reading.detail}`, mend)];
  }
  const { host, status, latencyMs } = reading;
  const says = `A HEAD to ${host}${way} was answered ${status} in ${Math.round(latencyMs)} ms`;
  if (status >= 500) {
    return [
      warning(check, `${says}: the network works, but the receiver fails.`, "Check the receiver."),
    ];
  }
  return [ok(check, `${says}.`)];
}

function examineUnasked(
  proxy: ProxyReading | undefined,
  names: NamesReading | undefined,
): Finding[] {
  const check = "egress";
  const findings: Finding[] = [];
  if (proxy?.failure !== undefined) {
    const says = `The proxy at ${proxy.place} does not accept connections (${proxy.failure}).`;
    const mend = "Start it, or correct host and port in POSTRIDER_EGRESS_PROXY.";
    findings.push(problem(check, says, mend));
  }
  const [first] = names?.failed ?? [];
  if (names && first) {
    const says = `Of ${counted(names.asked, "receiver")} the names of ${names.failed.length} were not found, such as ${first.host}: ${first.detail}`;
    const all = names.failed.length === names.asked;
    findings.push((all ? problem : warning)(check, says, dnsRemedy));
  }
  if (findings.length > 0) return findings;
  const tried = [
    ...(proxy ? [`the proxy at ${proxy.place} accepts connections`] : []),
    ...(names && names.asked > 0
      ? [
          `the ${names.asked === 1 ? "name" : "names"} of ${counted(names.asked, "receiver")} were found`,
        ]
      : []),
  ].join(", and ");
  const hint = "To try a request: postrider doctor --url https://…";
  return [tried === "" ? skipped(check, `Not tried. ${hint}`) : ok(check, `${tried}. ${hint}`)];
}

/** Decides whether endpoints fail. Their owners must fix that, so it is never more than a warning. */
export function examineEndpoints({ failing, longest, disabled }: EndpointsReading): Finding[] {
  const check = "endpoints";
  const findings: Finding[] = [];
  if (failing > 0) {
    const some = longest.map(
      ({ id, teamId, host, failingSeconds }) =>
        `${host} for ${lasting(failingSeconds)} (${id} of team ${teamId})`,
    );
    findings.push(
      warning(
        check,
        `${counted(failing, "endpoint")} ${failing === 1 ? "fails" : "fail"}: ${some.join(", ")}${failing > some.length ? ", …" : ""}.`,
        "See the latest attempts of the endpoint: GET /v1/deliveries?endpoint_id=…. When the receiver works again, replay the failed deliveries: POST /v1/replays.",
      ),
    );
  }
  if (disabled > 0) {
    findings.push(
      warning(
        check,
        `${counted(disabled, "endpoint")} ${disabled === 1 ? "was" : "were"} disabled after days of failures.`,
        "When the receiver works again: POST /v1/endpoints/{id}/enable.",
      ),
    );
  }
  return findings.length > 0 ? findings : [ok(check, "No endpoint fails.")];
}

const lagSeconds = { warning: 60, problem: 600 };

/** Decides whether due deliveries are sent. */
export function examineLag({ processes, endpoints, oldestSeconds }: LagReading): Finding {
  const check = "lag";
  const idle = "no process of Postrider is connected to this database";
  if (oldestSeconds === null || oldestSeconds <= lagSeconds.warning) {
    return ok(check, processes === 0 ? `Nothing is overdue; ${idle}.` : "Nothing is overdue.");
  }
  const says = `${counted(endpoints, "healthy endpoint")} ${endpoints === 1 ? "has" : "have"} overdue deliveries, by up to ${lasting(oldestSeconds)}`;
  if (processes === 0) {
    return problem(check, `${says}, and ${idle}.`, "Start one: postrider serve");
  }
  const mend =
    "Check /readyz, the logs of the processes, and the CPU load of their machines and of PostgreSQL. Then start one more: postrider serve";
  return oldestSeconds > lagSeconds.problem
    ? problem(check, `${says}.`, mend)
    : warning(check, `${says}.`, mend);
}
