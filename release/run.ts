import { parseArgs } from "node:util";
import { buildPackages } from "./build.ts";
import { packPackages } from "./pack.ts";
import { release } from "./release.ts";

const usage = `npm run build                            both packages, into packages/*/dist
npm run pack                             the same, and their tarballs into dist
npm run release -- [version] [--dry-run] tarballs, SBOMs, notes and checksums into dist; publishes nothing`;

try {
  await run(process.argv.slice(2));
} catch (error) {
  console.error(`release: ${(error as Error).message}`);
  process.exitCode = 1;
}

async function run(args: string[]): Promise<void> {
  const { positionals, values } = parseArgs({
    args,
    allowPositionals: true,
    options: { "dry-run": { type: "boolean", default: false } },
  });
  const [command, version] = positionals;
  switch (command) {
    case "build":
      return await buildPackages();
    case "pack":
      await buildPackages();
      for (const { file, bytes, unpackedBytes } of packPackages()) {
        console.log(`${file}  ${kib(bytes)} packed, ${kib(unpackedBytes)} unpacked`);
      }
      return;
    case "release": {
      const day = new Date().toISOString().slice(0, 10);
      return await release({ ...(version && { version }), dryRun: values["dry-run"], day });
    }
    default:
      throw new Error(`there is no command ${JSON.stringify(command)}\n${usage}`);
  }
}

function kib(bytes: number): string {
  return `${Math.round(bytes / 1024).toLocaleString("en")} KiB`;
}
