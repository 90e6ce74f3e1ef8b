import dns from "node:dns/promises";
import { hostNameKind } from "../domain/host-names.ts";
import { errorCode } from "./failures.ts";
import { followFile, parseHosts, parseSearchList } from "./name-files.ts";

/** Finds all addresses of a host name; if there are none, the list is empty or it rejects with a DNS `code`. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

/** Files and servers that replace the system's own. */
export type ResolverFiles = {
  hostsFile?: string;
  /** Replaces `resolv.conf` for the search list. */
  searchFile?: string;
  /** Replace those of `resolv.conf`, as `address:port`. */
  nameServers?: readonly string[];
};

export type ResolverOptions = ResolverFiles & {
  /** Whether names of this network are resolved too: with the search list, and names that only the system knows. */
  localNames: boolean;
};

type Answer = { addresses: readonly string[]; code: string };

const tryTimeoutMs = 1_000;
const tries = 3;
/** The same delay as between two connections: with the answer of one family, there is no need to wait longer for the other. */
const otherFamilyMs = 250;
const systemTimeoutMs = 2_000;

/**
 * Opens a resolver that works as the operating system's: the hosts file first, then DNS.
 *
 * DNS is asked by c-ares, which needs no thread: getaddrinfo would occupy one of Node's four threads while a slow server
 * answers, and a few such names would block all other look-ups. Only a name that no public server is asked for, and that
 * DNS does not know, is left to getaddrinfo, one at a time.
 */
export function openResolver(options: ResolverOptions): Resolve {
  const hosts = followFile(options.hostsFile ?? "/etc/hosts", parseHosts);
  const searchList = followFile(options.searchFile ?? "/etc/resolv.conf", parseSearchList);
  const askSystem = openSystemLookUp();
  let resolver: dns.Resolver | undefined;
  let configuredBy: readonly string[] | undefined;

  return async (hostname) => {
    const name = hostname.toLowerCase().replace(/\.$/, "");
    const listed = (await hosts()).get(name);
    if (listed) return listed;

    const search = await searchList();
    if (resolver === undefined || search !== configuredBy) {
      // c-ares reads the system's name servers only when it is opened.
      resolver = new dns.Resolver({ timeout: tryTimeoutMs, tries });
      if (options.nameServers) resolver.setServers(options.nameServers);
      configuredBy = search;
    }
    const found = await askInTurn(resolver, spellings(name, options.localNames ? search : []));
    if (found.addresses.length > 0) return found.addresses;
    if (options.localNames && hostNameKind(name) === "internal" && found.code !== dns.TIMEOUT) {
      const addresses = await askSystem(name);
      if (addresses.length > 0) return addresses;
    }
    throw Object.assign(new Error("The host name has no address."), { code: found.code });
  };
}

/** A single label is tried with the search list first; a name with dots is tried as written. */
function spellings(name: string, search: readonly string[]): readonly string[] {
  const local = search.map((domain) => `${name}.${domain}`);
  return name.includes(".") ? [name, ...local] : [...local, name];
}

async function askInTurn(resolver: dns.Resolver, names: readonly string[]): Promise<Answer> {
  let worst: Answer = { addresses: [], code: dns.NOTFOUND };
  for (const name of names) {
    const answer = await ask(resolver, name);
    if (answer.addresses.length > 0) return answer;
    worst = worse(worst, answer);
    if (answer.code === dns.TIMEOUT) break;
  }
  return worst;
}

/** Asks for both families at the same time. */
function ask(resolver: dns.Resolver, name: string): Promise<Answer> {
  return new Promise((resolve) => {
    let first: Answer | undefined;
    let timer: NodeJS.Timeout | undefined;
    const take = (answer: Answer) => {
      if (first) {
        clearTimeout(timer);
        resolve(merge(first, answer));
        return;
      }
      first = answer;
      if (answer.addresses.length > 0) timer = setTimeout(resolve, otherFamilyMs, answer);
    };
    const failed = (error: unknown) => take({ addresses: [], code: errorCode(error) });
    const found = (addresses: string[]) => take({ addresses, code: dns.NODATA });
    resolver.resolve4(name).then(found, failed);
    resolver.resolve6(name).then(found, failed);
  });
}

const merge = (one: Answer, other: Answer): Answer => ({
  addresses: [...one.addresses, ...other.addresses],
  code: worse(one, other).code,
});

/** The more informative of two failures: a server's failure, then a name without addresses, then a name that does not exist. */
function worse(one: Answer, other: Answer): Answer {
  const mildest: readonly string[] = [dns.NOTFOUND, dns.NODATA];
  const weight = ({ code }: Answer) => mildest.indexOf(code);
  if (weight(one) < 0) return one;
  return weight(other) < 0 || weight(other) > weight(one) ? other : one;
}

/**
 * Opens the look-up of names that only the system knows: multicast DNS, NIS, its own name.
 *
 * One at a time, because each takes one of the two threads that Node allows for look-ups, and the database needs the other.
 */
function openSystemLookUp(): (name: string) => Promise<readonly string[]> {
  const asked = new Map<string, Promise<readonly string[]>>();
  let last: Promise<unknown> = Promise.resolve();

  function lookUp(name: string) {
    const answer = last
      .then(() => dns.lookup(name, { all: true }))
      .then((found) => found.map(({ address }) => address))
      .catch(() => [])
      .finally(() => asked.delete(name));
    asked.set(name, answer);
    last = answer;
    return answer;
  }

  return async (name) => {
    const answer = asked.get(name) ?? lookUp(name);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<readonly string[]>((resolve) => {
      timer = setTimeout(resolve, systemTimeoutMs, []);
    });
    return await Promise.race([answer, late]).finally(() => clearTimeout(timer));
  };
}
