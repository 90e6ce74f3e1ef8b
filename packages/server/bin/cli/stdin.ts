import { ConfigError } from "../../src/config.ts";

/** The limit of the input: every event is much smaller. */
const bytesMax = 16 * 1024 * 1024;

/** Reads standard input to its end. */
export async function readStdin(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > bytesMax) throw new ConfigError("Standard input holds more than 16 MiB.");
  }
  return Buffer.concat(chunks);
}
