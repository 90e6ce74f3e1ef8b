import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** The documents that the site is built from; others read them where they are. */
export const documents = fileURLToPath(new URL("../../../docs", import.meta.url));

/** A page: its file below docs/, what it is called beside others, and one line about it. */
export type Page = { file: string; title: string; about: string };
export type Section = { title: string; pages: readonly Page[] };

const page = (file: string, title: string, about: string): Page => ({ file, title, about });

const all: readonly Section[] = [
  {
    title: "Tutorial",
    pages: [
      page(
        "tutorial/first-webhook.md",
        "Your first webhook",
        "From npm install to a webhook whose signature you have verified.",
      ),
    ],
  },
  {
    title: "How to receive",
    pages: [
      page("how-to/express.md", "Express", "A verified receiver in Express."),
      page("how-to/fastify.md", "Fastify", "A verified receiver in Fastify."),
      page("how-to/nextjs.md", "Next.js", "A verified receiver in a Next.js route handler."),
      page("how-to/hono.md", "Hono", "A verified receiver in Hono."),
      page("how-to/fastapi.md", "FastAPI", "A verified receiver in FastAPI (Python)."),
      page("how-to/flask.md", "Flask", "A verified receiver in Flask (Python)."),
      page("how-to/django.md", "Django", "A verified receiver in Django (Python)."),
      page("how-to/go.md", "Go", "A verified receiver in Go."),
      page("how-to/java.md", "Java", "A verified receiver in Java."),
      page("how-to/rust.md", "Rust", "A verified receiver in Rust."),
      page("how-to/ruby.md", "Ruby", "A verified receiver in Ruby."),
      page("how-to/php.md", "PHP", "A verified receiver in PHP."),
    ],
  },
  {
    title: "How to operate",
    pages: [
      page("production.md", "Run in production", "PostgreSQL, processes, fail-over, upgrades."),
      page("doctor.md", "Check an installation", "What `postrider doctor` looks at."),
      page("runbook.md", "Runbook", "One section for each alert."),
      page(
        "operational-webhooks.md",
        "Operational webhooks",
        "Webhooks about the service itself, for its operators.",
      ),
      page("examples.md", "Examples", "Programs that publish, receive and relay."),
      page("mcp.md", "MCP", "The service as tools for an assistant."),
      page(
        "migrate-from-svix.md",
        "Migrate from Svix",
        "A script that creates the endpoints, and what changes.",
      ),
    ],
  },
  {
    title: "Reference",
    pages: [
      page("receiving.md", "Webhooks", "Every event, header and signature a receiver meets."),
      page("http-api.md", "HTTP API", "Keys, teams, lists, idempotency, limits."),
      page("cli.md", "Command line", "Every command and option."),
      page("sdk.md", "SDK", "The TypeScript client and its verifiers."),
      page("configuration.md", "Configuration", "Every setting, with its default."),
      page("errors.md", "Errors", "Every error code: what happened, what to do."),
      page("metrics.md", "Metrics", "Every metric."),
      page("versions.md", "Versions", "What a new version may change."),
    ],
  },
  {
    title: "Explanation",
    pages: [
      page(
        "explanation/guarantees.md",
        "Guarantees",
        "What is promised of each event, and what is not.",
      ),
      page(
        "explanation/retries.md",
        "Retries and the breaker",
        "When a delivery is made again, and when not.",
      ),
      page(
        "explanation/order.md",
        "Order, at most once",
        "How messages of a call keep their order.",
      ),
      page("explanation/hangs.md", "Hangs", "How a call that goes silent is noticed."),
      page("explanation/security.md", "Security", "What is defended, how, and what is not."),
      page(
        "explanation/comparison.md",
        "How it compares",
        "Measured against other software, and how.",
      ),
      page("performance.md", "Performance", "What was measured, on what machine."),
      page("faults.md", "Faults", "What happens when each part fails."),
    ],
  },
];

/** The pages of the site by section; a page that has no file yet is left out. */
export const sections: readonly Section[] = all.map(({ title, pages }) => ({
  title,
  pages: pages.filter(({ file }) => existsSync(path.join(documents, file))),
}));

/** Where the interactive reference stands, below the site's base. */
export const reference = {
  path: "api/",
  title: "API reference",
  about: "Every operation, to be tried out.",
} as const;
