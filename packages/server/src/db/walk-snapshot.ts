import { part } from "./sql.ts";

/** Set for a transaction on a standby: the primary's snapshot, as text. */
export const walkSnapshotSetting = "postrider.walk_snapshot";

/**
 * The present snapshot as text: the beginning of a walk through a list.
 *
 * A standby's own snapshot counts running transactions of the primary as committed, so their rows could be shown twice or
 * too early. There, a setting has the primary's snapshot.
 */
export const walkSnapshot = part`
  coalesce(nullif(current_setting(${walkSnapshotSetting}, true), ''), pg_current_snapshot()::text)`;
