import { part } from "./sql.ts";

/** Set for a transaction on a standby: the primary's snapshot, as text. */
export const walkSnapshotSetting = "postrider.walk_snapshot";

/**
 * What is committed now, as the text of a snapshot: where a walk through a list begins.
 *
 * A standby's own snapshot counts what is under way on the primary as committed, so that it would be told twice or too
 * early: there the primary's stands in a setting.
 */
export const walkSnapshot = part`
  coalesce(nullif(current_setting('postrider.walk_snapshot', true), ''), pg_current_snapshot()::text)`;
