import { once } from "node:events";
import { createWriteStream } from "node:fs";
import path from "node:path";

/** What is known of a fact after each try to report it. */
export type FactWord = "attempted" | "acknowledged" | "unknown" | "refused";

/** One line of what the publisher knows. */
export type FactEntry = {
  atMs: number;
  /** Names the fact; a try that is made again is about the same one. */
  fact: string;
  word: FactWord;
  /** The events that it makes, by name; given when it is attempted. */
  events?: readonly string[];
  /** The only subscription that its events go to; without it, all that take their types. */
  to?: string;
  service?: number;
  /** The status or error that the try ended with. */
  answer?: string;
};

/** One request as a receiver saw it, written down before it is answered. */
export type Arrival = {
  atMs: number;
  subscriptionId: string;
  webhookId: string;
  /** What the body says it is about, in the publisher's words. */
  event: string;
  /** SHA-256 of the body. */
  digest: string;
  /** Why the signature was not accepted; undefined when it was. */
  signatureProblem?: string;
  /** The status of the answer; 0 when there was none in time. */
  answered: number;
};

/** What happened to the machinery: a fault, its end, a service or the database coming and going. */
export type Incident = { atMs: number; what: string; part?: string; up?: boolean };

/** Everything that was seen, in the order of seeing. Milliseconds count from the beginning. */
export type Journal = {
  readonly facts: FactEntry[];
  readonly arrivals: Arrival[];
  readonly incidents: Incident[];
  nowMs(): number;
  fact(entry: Omit<FactEntry, "atMs">): void;
  arrival(entry: Omit<Arrival, "atMs">): Arrival;
  incident(entry: Omit<Incident, "atMs">): void;
  /** Begins anew: what was seen so far has been judged. The clock and the files go on. */
  forget(): void;
  /** Writes out what is kept and waits until the files hold everything. */
  close(): Promise<void>;
};

/** Opens a journal that is kept in memory and appended to three files in a directory. */
export function openJournal(directory: string): Journal {
  const startedAtMs = performance.now();
  const open = (name: string) =>
    createWriteStream(path.join(directory, `${name}.jsonl`), { flags: "a" });
  const files = { facts: open("facts"), arrivals: open("arrivals"), incidents: open("incidents") };
  const nowMs = () => Math.round(performance.now() - startedAtMs);
  const facts: FactEntry[] = [];
  const arrivals: Arrival[] = [];
  const incidents: Incident[] = [];
  // Not as they come: how each was answered is known a little later.
  const writeArrivals = () => {
    for (const arrival of arrivals) files.arrivals.write(`${JSON.stringify(arrival)}\n`);
  };
  return {
    facts,
    arrivals,
    incidents,
    nowMs,
    fact(entry) {
      const line = { atMs: nowMs(), ...entry };
      facts.push(line);
      files.facts.write(`${JSON.stringify(line)}\n`);
    },
    arrival(entry) {
      const line = { atMs: nowMs(), ...entry };
      arrivals.push(line);
      return line;
    },
    incident(entry) {
      const line = { atMs: nowMs(), ...entry };
      incidents.push(line);
      files.incidents.write(`${JSON.stringify(line)}\n`);
    },
    forget() {
      writeArrivals();
      for (const list of [facts, arrivals, incidents]) list.length = 0;
    },
    async close() {
      writeArrivals();
      await Promise.all(
        Object.values(files).map(async (file) => {
          file.end();
          await once(file, "close");
        }),
      );
    },
  };
}
