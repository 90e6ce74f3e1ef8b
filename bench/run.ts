// npm run bench -- <name> [options]: runs one of the measuring programs beside this file.
const names = ["ingest"] as const;

const name = process.argv[2] ?? "--help";
if (name === "--help" || !names.includes(name as (typeof names)[number])) {
  console.log(
    `usage: npm run bench -- <${names.join("|")}> [--json] [options at the head of its file]`,
  );
  process.exit(name === "--help" ? 0 : 2);
}
process.argv.splice(2, 1);
await import(`./${name}.ts`);
