import { type ConnectionFailure, connectionAdvice } from "./connection.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";

/** A database, as physical replication copies it: the identifier of its cluster and its own number there. */
export type Origin = { system: string; database: number };

/** The server of DATABASE_REPLICA_URL, as the lists of the service would read it. */
export type StandbyReading =
  | { kind: "none" }
  | { kind: "away"; failure: ConnectionFailure }
  | {
      kind: "there";
      origin: Origin;
      primary: Origin;
      isStandby: boolean;
      /** It receives the primary's log now. */
      isReceiving: boolean;
      /** Bytes of the primary's log that it had not replayed after a wait; 0: it caught up. */
      behindBytes: number;
      /** Teams are isolated for the user of this URL. */
      holdsWall: boolean;
      feedback: boolean;
    };

const check = "standby";
const toPrimary = "Lists are read from the primary until then.";
const pointElsewhere = "Correct DATABASE_REPLICA_URL, or remove it.";

/** Decides whether lists can be read from the standby, and whether they would be the primary's. */
export function examineStandby(reading: StandbyReading): Finding[] {
  if (reading.kind === "none") return [];
  if (reading.kind === "away") {
    const { says, mend } = connectionAdvice(reading.failure, "DATABASE_REPLICA_URL");
    // The service works without its standby.
    return [warning(check, `The standby: ${says} ${toPrimary}`, mend)];
  }
  const { origin, primary } = reading;
  if (origin.system !== primary.system) {
    const says =
      "DATABASE_REPLICA_URL is not a copy of DATABASE_URL: the servers have different system identifiers. Lists could show other data.";
    return [problem(check, says, pointElsewhere)];
  }
  if (origin.database !== primary.database) {
    const says =
      "DATABASE_REPLICA_URL names another database of the server than DATABASE_URL. Lists would show other data.";
    return [problem(check, says, "Use the same database name in both settings.")];
  }
  if (!reading.isStandby) {
    const says = `The server of DATABASE_REPLICA_URL is no standby: it is a primary. ${toPrimary}`;
    return [warning(check, says, pointElsewhere)];
  }
  if (!reading.holdsWall) {
    const says = "On the standby, the user of DATABASE_REPLICA_URL cannot read lists as a team.";
    const mend = "Use the user of DATABASE_URL in DATABASE_REPLICA_URL.";
    return [problem(check, says, mend)];
  }
  if (!reading.isReceiving) {
    const says = `The standby does not receive the primary's log. ${toPrimary}`;
    const mend =
      "Check primary_conninfo and the log of the standby, and pg_stat_replication on the primary.";
    return [warning(check, says, mend)];
  }
  if (reading.behindBytes > 0) {
    const says = `The standby is ${reading.behindBytes} bytes of the log behind. ${toPrimary}`;
    const mend =
      "Look for a long query on the standby that holds up its replay (pg_stat_activity), and at its disk and network.";
    return [warning(check, says, mend)];
  }
  if (!reading.feedback) {
    const says = "The standby keeps up. hot_standby_feedback is off, so it may cancel long lists.";
    const mend = "Set hot_standby_feedback = on on the standby and reload it.";
    return [warning(check, says, mend)];
  }
  return [ok(check, "The standby keeps up with the primary.")];
}
