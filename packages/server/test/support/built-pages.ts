import type { BuiltFiles } from "../../src/built-files.ts";

const script = `export const page = "a page";\n${"// padding\n".repeat(200)}`;
const html = `<!doctype html><title>The page</title><link rel="icon" href="./icon.svg"><script src="./theme.js"></script>
<script type="module" src="./assets/index-B0Y12Uys.js"></script>`;

/** What a build of the dashboard leaves behind, in small. */
export const builtPages: BuiltFiles = new Map(
  Object.entries({
    "index.html": html,
    "theme.js": "document.title;",
    "icon.svg": "<svg/>",
    "assets/index-B0Y12Uys.js": script,
    "assets/index-7ALMSj9b.css": "p { color: red }",
    "assets/font.woff2": "wOF2",
  }).map(([name, text]) => [name, Buffer.from(text)]),
);
