import { copyFileSync, cpSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL("..", import.meta.url));

const viewer = path.dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));

/** The two files of Swagger UI that the page loads. */
export const viewerFiles: readonly string[] = ["swagger-ui-bundle.js", "swagger-ui.css"].map(
  (name) => path.join(viewer, name),
);

/** Puts the interactive reference below `target`: our page, the viewer, the description of the API. */
export function writeReference(target: string): void {
  const directory = path.join(target, "api");
  mkdirSync(directory, { recursive: true });
  cpSync(path.join(here, "api"), directory, { recursive: true });
  for (const file of viewerFiles) {
    copyFileSync(file, path.join(directory, path.basename(file)));
  }
  // Apache 2.0 §4: whoever passes the files on passes these on as well.
  for (const name of ["LICENSE", "NOTICE"]) {
    copyFileSync(path.join(viewer, name), path.join(directory, `swagger-ui.${name}.txt`));
  }
  copyFileSync(
    path.join(viewer, "swagger-ui-bundle.js.LICENSE.txt"),
    path.join(directory, "swagger-ui-bundle.js.LICENSE.txt"),
  );
  copyFileSync(path.join(here, "../server/openapi.json"), path.join(directory, "openapi.json"));
}
