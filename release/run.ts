import { buildPackages } from "./build.ts";
import { packPackages } from "./pack.ts";

// npm run build: both packages, into packages/*/dist.
// npm run pack:  the same, and their tarballs into dist.
const [command = ""] = process.argv.slice(2);

if (command === "build") {
  await buildPackages();
} else if (command === "pack") {
  await buildPackages();
  for (const { file, bytes, unpackedBytes } of packPackages()) {
    console.log(`${file}  ${kib(bytes)} packed, ${kib(unpackedBytes)} unpacked`);
  }
} else {
  console.error(`release: unknown command ${JSON.stringify(command)}; there are build and pack`);
  process.exitCode = 2;
}

function kib(bytes: number): string {
  return `${Math.round(bytes / 1024).toLocaleString("en")} KiB`;
}
