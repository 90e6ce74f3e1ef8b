import type { DeliveryAttempt } from "@postrider/sdk";

/** Headers that curl sets itself or that would be wrong in another request. */
const leftOut = new Set(["host", "content-length", "connection", "transfer-encoding"]);

/** Quotes any text as one word of a POSIX shell. */
export const shellWord = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * Prints the request of an attempt as a curl command.
 *
 * Secret headers are `***` in the API's answer and become placeholders. If headers or body are not known, the command has
 * the rest.
 */
export function curlOf(
  attempt: Pick<DeliveryAttempt, "url" | "request_headers">,
  body: string | null,
): string {
  const headers = Object.entries(attempt.request_headers ?? {})
    .filter(([name]) => !leftOut.has(name))
    .map(([name, value]) =>
      shellWord(
        `${name}: ${value === "***" ? `<your ${name}>` : value.replaceAll("***", "<secret>")}`,
      ),
    );
  return [
    `curl -sS -i ${shellWord(attempt.url)}`,
    ...headers.map((header) => `-H ${header}`),
    `--data-binary ${shellWord(body ?? "<the payload is not shown to you>")}`,
  ].join(" \\\n  ");
}
