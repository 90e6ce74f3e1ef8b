import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import path from "node:path";

const socketPathBytesMax = 103; // The shortest sun_path among the platforms (macOS), without its NUL.

/** Gives the directory of a server's socket: beside the data, or elsewhere if that path is too long. */
export function socketDirectoryOf(dataDirectory: string): string {
  const short = `postrider-${createHash("sha256").update(dataDirectory).digest("hex").slice(0, 16)}`;
  const candidates = [`${dataDirectory}.socket`, path.join(tmpdir(), short), `/tmp/${short}`];
  const fits = (directory: string) =>
    Buffer.byteLength(path.join(directory, ".s.PGSQL.5432")) <= socketPathBytesMax;
  return candidates.find(fits) ?? `/tmp/${short}`;
}
