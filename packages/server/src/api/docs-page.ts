/** Any JSON value. */
export type Json = { [name: string]: Json } | Json[] | string | number | boolean | null;
export type JsonObject = { [name: string]: Json };

type Operation = {
  operationId: string;
  summary: string;
  description?: string;
  tags?: string[];
  security?: { apiKey?: string[] }[];
  parameters?: { $ref?: string; name: string; in: string; description?: string; schema: Json }[];
  requestBody?: { content: Record<string, { schema: Json }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: Json }> }>;
};

/** Prints the API's description as one page without scripts or external files, so that it can be read offline. */
export function printDocsPage(document: JsonObject): string {
  const paths = document.paths as unknown as Record<string, Record<string, Operation>>;
  const webhooks = document.webhooks as unknown as Record<string, Record<string, Operation>>;
  const { schemas } = document.components as { schemas: JsonObject };
  const sections = new Map<string, string[]>();
  for (const [path, operations] of [...Object.entries(paths), ...Object.entries(webhooks)]) {
    for (const [method, operation] of Object.entries(operations)) {
      const tag = operation.tags?.[0] ?? "Other";
      sections.set(tag, [...(sections.get(tag) ?? []), printOperation(method, path, operation)]);
    }
  }
  const names = [...sections.keys()];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Postrider API</title>
<style>${style}</style>
</head>
<body>
<h1>Postrider API</h1>
<p>The same as data: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
<nav>${names.map((name) => `<a href="#${inHtml(name)}">${inHtml(name)}</a>`).join(" ")} <a href="#schemas">Schemas</a></nav>
${names.map((name) => `<h2 id="${inHtml(name)}">${inHtml(name)}</h2>\n${sections.get(name)?.join("\n")}`).join("\n")}
<h2 id="schemas">Schemas</h2>
${Object.entries(schemas).map(printSchema).join("\n")}
</body>
</html>
`;
}

function printOperation(method: string, path: string, operation: Operation): string {
  const scope = operation.security?.[0]?.apiKey?.[0];
  const body = operation.requestBody?.content["application/json"]?.schema;
  const parameters = (operation.parameters ?? []).filter(({ $ref }) => $ref === undefined);
  return `<details id="${inHtml(operation.operationId)}">
<summary><code><b>${inHtml(method.toUpperCase())}</b> ${inHtml(path)}</code> ${inHtml(operation.summary)}</summary>
${operation.description ? `<p>${inHtml(operation.description)}</p>` : ""}
${scope ? `<p>Needs a key with the scope <code>${inHtml(scope)}</code>.</p>` : ""}
${parameters.map((one) => `<p><code>${inHtml(one.name)}</code> (${inHtml(one.in)}) ${inHtml(one.description ?? "")} <code>${inHtml(JSON.stringify(one.schema))}</code></p>`).join("\n")}
${body ? `<h3>Body</h3>\n${printJson(body)}` : ""}
<h3>Answers</h3>
<dl>${Object.entries(operation.responses).map(printAnswer).join("\n")}</dl>
</details>`;
}

function printAnswer([status, answer]: [string, Operation["responses"][string]]): string {
  const schema = answer.content?.["application/json"]?.schema;
  return `<dt>${inHtml(status)}</dt><dd>${inHtml(answer.description)}${schema ? printJson(schema) : ""}</dd>`;
}

const printSchema = ([name, schema]: [string, Json]): string =>
  `<details id="schema-${inHtml(name)}"><summary><code>${inHtml(name)}</code></summary>${printJson(schema)}</details>`;

/** Prints JSON; references become links to the schema on the page. */
const printJson = (value: Json): string =>
  `<pre>${inHtml(JSON.stringify(value, null, 2)).replaceAll(
    /&quot;#\/components\/schemas\/(\w+)&quot;/g,
    '<a href="#schema-$1">$1</a>',
  )}</pre>`;

const entities: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

const inHtml = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);

const style = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark; }
summary { cursor: pointer; padding: 0.25rem 0; }
details { border-bottom: 1px solid #8884; }
nav a { margin-right: 1rem; }
pre { overflow-x: auto; background: #8881; padding: 0.5rem; }
dt { font-weight: 600; }
`;
