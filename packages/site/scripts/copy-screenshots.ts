// Copies screenshots of the browser tests into docs/images: npx tsx packages/site/scripts/copy-screenshots.ts
import { copyFileSync, existsSync } from "node:fs";
import { imageFile, screenshots, takenFile } from "../src/screenshots.ts";

for (const one of screenshots) {
  if (!existsSync(takenFile(one))) {
    console.error(`${takenFile(one)} is missing. Take it first, run: npm run test:browser`);
    process.exitCode = 1;
    continue;
  }
  copyFileSync(takenFile(one), imageFile(one));
  console.log(`wrote ${imageFile(one)}`);
}
