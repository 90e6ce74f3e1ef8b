import { ConfigError } from "../../src/config.ts";

/** No event is larger by far: what goes on beyond this is none. */
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
