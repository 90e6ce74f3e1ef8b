import { type Finding, problem } from "./finding.ts";

/** Why no connection came about: codes of the system or of PostgreSQL (SQLSTATE), and the error's own sentence. */
export type ConnectionFailure = { code: string | undefined; message: string };

const check = "connection";

/** What to do about each code; the first that the code begins with counts. */
const remedies: readonly (readonly [code: string, says: string, mend: string])[] = [
  [
    "28P01",
    "PostgreSQL refuses the user or the password.",
    "Put the user and password that PostgreSQL has into DATABASE_URL; special characters in it are percent-encoded.",
  ],
  [
    "28",
    "PostgreSQL does not let this user in from here.",
    "Add a line for this user, database and address to pg_hba.conf and reload PostgreSQL; if it asks for TLS, add sslmode=require to DATABASE_URL.",
  ],
  [
    "3D000",
    "The database does not exist.",
    "Create it (createdb), or correct the name in DATABASE_URL.",
  ],
  [
    "53300",
    "PostgreSQL has no connection left.",
    "Raise max_connections and restart PostgreSQL, or end what uses its connections: select application_name, count(*) from pg_stat_activity group by 1.",
  ],
  [
    "57P03",
    "PostgreSQL is starting, stopping or recovering.",
    "Wait until it is done; its log says what it does. A standby without hot_standby never answers.",
  ],
  [
    "42501",
    "PostgreSQL lets this user connect, and then refuses what Postrider needs.",
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
    "The name of the database's host cannot be found.",
    "Correct the host in DATABASE_URL, or the name service of this machine.",
  ],
  [
    "EAI_AGAIN",
    "The name service of this machine does not answer.",
    "Look at /etc/resolv.conf and at the network of this machine.",
  ],
  [
    "EHOSTUNREACH",
    "The network knows no way to the database.",
    "Look at routes, and at the firewall between this machine and PostgreSQL.",
  ],
  [
    "ETIMEDOUT",
    "The database's host does not answer.",
    "Look at the firewall between this machine and PostgreSQL.",
  ],
  [
    "ECONNRESET",
    "The connection is cut off before PostgreSQL answers.",
    "Look at what stands between: a proxy, a load balancer, or a port that is not PostgreSQL's.",
  ],
];

/** What to do when there is no code, by words of the sentence. */
const remediesByWords: readonly (readonly [words: RegExp, says: string, mend: string])[] = [
  [
    /pooler in transaction mode/,
    "A pooler that lends connections for one transaction stands before PostgreSQL; Postrider needs sessions.",
    "Set its pool_mode to session, or let DATABASE_URL lead to PostgreSQL itself.",
  ],
  [
    /does not support SSL/,
    "DATABASE_URL asks for TLS, and PostgreSQL has it switched off.",
    "Set ssl = on in postgresql.conf with a certificate, or remove sslmode from DATABASE_URL where the network is trusted.",
  ],
  [
    /certificate|self.signed/i,
    "The certificate of the database cannot be verified.",
    "Name its authority with sslrootcert in DATABASE_URL, or in NODE_EXTRA_CA_CERTS.",
  ],
  [
    /password must be a string|no password/i,
    "PostgreSQL asks for a password, and DATABASE_URL has none.",
    "Add the password to DATABASE_URL.",
  ],
  [
    /read-write/,
    "None of the hosts in DATABASE_URL can be written to: each is a standby, or is away.",
    "Promote a standby (pg_promote), or correct the list of hosts.",
  ],
  [
    /timeout|timed out/i,
    "The database's host does not answer in time.",
    "Look at the firewall between this machine and PostgreSQL, and at the load of its machine.",
  ],
];

/** Decides what a connection that did not come about means. */
export function connectionFailed({ code = "", message }: ConnectionFailure): Finding {
  const [, says, mend] =
    remedies.find(([known]) => code.startsWith(known)) ??
    remediesByWords.find(([words]) => words.test(message)) ??
    [];
  if (says === undefined || mend === undefined) {
    return problem(check, `The database cannot be used: ${message || code}.`, seeLog);
  }
  return problem(check, code === "" ? says : says.replace(/[.]$/, ` (${code}).`), mend);
}

const seeLog = "Look at the log of PostgreSQL, and at DATABASE_URL.";
