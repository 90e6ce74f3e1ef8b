import * as fs from "node:fs";
import path from "node:path";

/** The user that PostgreSQL runs as when it cannot run as this process's own. */
export type Account = { uid: number; gid: number };

/** PostgreSQL refuses to run as root; then it runs as `nobody`. Undefined: as this process's user. */
export function serverAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const line = /^nobody:[^:]*:(-?\d+):(-?\d+):/m.exec(fs.readFileSync("/etc/passwd", "utf8"));
  if (!line) {
    throw new Error(
      "PostgreSQL does not run as root, and this system has no user `nobody`. Run as another user, or set DATABASE_URL.",
    );
  }
  return { uid: Number(line[1]), gid: Number(line[2]) };
}

/** Lets `nobody` enter a directory and all above it, and logs each change. */
export function makeTraversable(directory: string, log: (line: string) => void): void {
  for (let at = directory; ; at = path.dirname(at)) {
    const { mode } = fs.statSync(at);
    if ((mode & 0o001) === 0) {
      fs.chmodSync(at, (mode & 0o7777) | 0o001);
      log(`Made ${at} traversable for all users (o+x): PostgreSQL runs as nobody below it.`);
    }
    if (at === path.dirname(at)) return;
  }
}

/** Creates a directory that only the server's account can enter, or checks that an existing one is such. */
export function makeOwnDirectory(directory: string, account: Account | undefined): void {
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { uid } = fs.lstatSync(directory);
  if (uid !== process.getuid?.() && uid !== account?.uid) {
    throw new Error(
      `${directory} belongs to another user (uid ${uid}). Remove it, or choose another data directory.`,
    );
  }
  fs.chmodSync(directory, 0o700);
  if (account) fs.chownSync(directory, account.uid, account.gid);
}

/** Makes the account the owner of a directory and everything in it. */
export function giveTo(account: Account, directory: string): void {
  fs.lchownSync(directory, account.uid, account.gid);
  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
    const below = path.join(directory, entry.name);
    if (entry.isDirectory()) giveTo(account, below);
    else fs.lchownSync(below, account.uid, account.gid);
  }
}
