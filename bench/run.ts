// npm run bench -- <name> [options]: runs one of the measuring programs beside this file.
const benchmarks: Record<string, string> = {
  delivery: "deliveries a second and CPU for each, beside a ceiling and three job queues",
  ingest: "facts a second over HTTP, accepted, delivered and recorded",
  latency: "from a fact's acceptance to the webhook's answer and to its record, at a given rate",
  claim: "the cost of claiming as the backlog grows",
  stall: "healthy receivers beside a dead one with a large backlog",
  replay: "a healthy endpoint beside a replay",
  history: "lists and retention on millions of rows",
  scroll:
    "frame times of the dashboard's list of deliveries, scrolled by the wheel on millions of rows",
  start: "from the start of serve until /readyz answers 200",
  scale: "several processes on one database, busy and idle",
};

const [name = "", ...options] = process.argv.slice(2);
if (!(name in benchmarks)) {
  console.log("npm run bench -- <name> [--rounds 3] [--json] [--help]\n");
  for (const [known, purpose] of Object.entries(benchmarks)) {
    console.log(`  ${known.padEnd(9)} ${purpose}`);
  }
  process.exit(name === "" || name === "--help" ? 0 : 2);
}
process.argv.splice(2, process.argv.length, ...options);
await import(`./${name}.ts`);
