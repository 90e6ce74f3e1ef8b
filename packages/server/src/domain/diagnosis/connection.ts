import { type Finding, problem } from "./finding.ts";

/** Why the connection failed: the code of the system or of PostgreSQL (SQLSTATE), and the error's message. */
export type ConnectionFailure = { code: string | undefined; message: string };

const check = "connection";

/** What to do about each code. The first entry that is a prefix of the code applies. */
const remedies: readonly (readonly [code: string, says: string, mend: string])[] = [
  [
    "28P01",
    "PostgreSQL refuses the user or the password.",
    "Correct the user and password in DATABASE_URL. Percent-encode special characters.",
  ],
  [
    "28",
    "PostgreSQL does not allow this user to connect from this machine.",
    "Add a line for this user, database and address to pg_hba.conf and reload PostgreSQL. If PostgreSQL requires TLS, add sslmode=require to DATABASE_URL.",
  ],
  [
    "3D000",
    "The database does not exist.",
    "Create it (createdb), or correct the name in DATABASE_URL.",
  ],
  [
    "53300",
    "PostgreSQL has no connection left.",
    "Raise max_connections and restart PostgreSQL, or end processes that use its connections: select application_name, count(*) from pg_stat_activity group by 1.",
  ],
  [
    "57P03",
    "PostgreSQL is starting, stopping or recovering.",
    "Wait until PostgreSQL is ready; see its log. A standby without hot_standby never answers.",
  ],
  [
    "42501",
    "This user may connect to PostgreSQL but lacks permissions that Postrider needs.",
    "Use the user that ran: postrider migrate.",
  ],
  [
    "ECONNREFUSED",
    "Nothing listens at this address and port.",
    "Start PostgreSQL, or correct host and port in DATABASE_URL; listen_addresses must include the address.",
  ],
  [
    "ENOENT",
    "There is no socket of PostgreSQL in this directory.",
    "Start PostgreSQL, or correct the host in DATABASE_URL: the directory is unix_socket_directories of PostgreSQL.",
  ],
  [
    "ENOTFOUND",
    "The name of the database's host cannot be resolved.",
    "Correct the host in DATABASE_URL, or the name resolution of this machine.",
  ],
  [
    "EAI_AGAIN",
    "The name service of this machine does not answer.",
    "Look at /etc/resolv.conf and at the network of this machine.",
  ],
  [
    "EHOSTUNREACH",
    "The network has no route to the database.",
    "Check the routes and the firewall between this machine and PostgreSQL.",
  ],
  [
    "ETIMEDOUT",
    "The database's host does not answer.",
    "Check the firewall between this machine and PostgreSQL.",
  ],
  [
    "ECONNRESET",
    "The connection is closed before PostgreSQL answers.",
    "Check for a proxy or a load balancer in between, and whether the port is PostgreSQL's.",
  ],
];

/** What to do if there is no code, by words of the message. */
const remediesByWords: readonly (readonly [words: RegExp, says: string, mend: string])[] = [
  [
    /pooler in transaction mode/,
    "A pooler in transaction mode is in front of PostgreSQL, but Postrider needs sessions.",
    "Set its pool_mode to session, or point DATABASE_URL at PostgreSQL itself.",
  ],
  [
    /does not support SSL/,
    "DATABASE_URL asks for TLS, but TLS is off in PostgreSQL.",
    "Set ssl = on in postgresql.conf with a certificate, or remove sslmode from DATABASE_URL where the network is trusted.",
  ],
  [
    /certificate|self.signed/i,
    "The certificate of the database cannot be verified.",
    "Name its certificate authority with sslrootcert in DATABASE_URL, or in NODE_EXTRA_CA_CERTS.",
  ],
  [
    /password must be a string|no password/i,
    "PostgreSQL asks for a password, and DATABASE_URL has none.",
    "Add the password to DATABASE_URL.",
  ],
  [
    /read-write/,
    "No host in DATABASE_URL is writable: each is a standby or does not answer.",
    "Promote a standby (pg_promote), or correct the list of hosts.",
  ],
  [
    /timeout|timed out/i,
    "The database's host does not answer in time.",
    "Check the firewall between this machine and PostgreSQL, and the load of PostgreSQL's machine.",
  ],
];

/** Decides the finding for a failed connection. */
export function connectionFailed(failure: ConnectionFailure): Finding {
  const { says, mend } = connectionAdvice(failure);
  return problem(check, says, mend);
}

/** Says why a connection failed and what to do. `setting`: the one that has its URL. */
export function connectionAdvice(
  { code = "", message }: ConnectionFailure,
  setting = "DATABASE_URL",
): { says: string; mend: string } {
  const [, says, mend] =
    remedies.find(([known]) => code.startsWith(known)) ??
    remediesByWords.find(([words]) => words.test(message)) ??
    [];
  // The sentences above name DATABASE_URL.
  const about = (text: string) => text.replaceAll("DATABASE_URL", setting);
  if (says === undefined || mend === undefined) {
    return { says: `The database cannot be used: ${message || code}.`, mend: about(seeLog) };
  }
  const withCode = code === "" ? says : says.replace(/[.]$/, ` (${code}).`);
  return { says: about(withCode), mend: about(mend) };
}

const seeLog = "Check the log of PostgreSQL, and DATABASE_URL.";
