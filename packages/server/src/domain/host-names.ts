/**
 * The kinds of host names.
 *
 * - `metadata`: a cloud's metadata service, which gives credentials to every program in the cloud that asks.
 * - `loopback`: this machine.
 * - `internal`: a name that a private network may resolve.
 * - `reserved`: a name that no resolver may resolve.
 * - `public`: everything else.
 */
export type HostNameKind = "metadata" | "loopback" | "internal" | "reserved" | "public";

/** Tells what a host name is, in any spelling that a resolver takes; IP addresses are not host names. */
export function hostNameKind(host: string): HostNameKind {
  const name = host.toLowerCase().replace(/\.$/, "");
  const labels = name.split(".");
  const last = labels.at(-1) ?? "";
  const isLocal = labels.length === 1 || internalSuffixes.has(last) || name.endsWith(".home.arpa");
  if (metadataNames.some((one) => name === one || name.endsWith(`.${one}`))) return "metadata";
  if (isLocal && metadataLabels.has(labels[0] ?? "")) return "metadata";
  if (last === "localhost") return "loopback";
  if (reservedSuffixes.has(last) && !isLocal) return "reserved";
  return isLocal ? "internal" : "public";
}

/** Last labels that the public DNS does not resolve, and private networks do (RFC 6761, RFC 6762 appendix G, ICANN's `internal`). */
const internalSuffixes: ReadonlySet<string> = new Set([
  ...["local", "internal", "intranet", "private", "corp", "home", "lan", "localdomain", "test"],
  ...["svc", "consul", "docker"], // Kubernetes, Consul and Docker answer these inside a cluster.
]);

/** Last labels that have no HTTP server, or name a machine by its address (RFC 6761 and its registry). */
const reservedSuffixes: ReadonlySet<string> = new Set([
  ...["example", "invalid", "onion", "alt", "arpa"],
]);

/** Names under which clouds serve their metadata, with everything below them. */
const metadataNames = [
  ...["metadata.google.internal", "metadata.goog"],
  ...["instance-data.ec2.internal", "metadata.azure.internal"],
  ...["metadata.tencentyun.com", "metadata.packet.net", "metadata.platformequinix.com"],
  "api.metadata.cloud.ibm.com",
] as const;

/** First labels of a metadata service's name inside a network: a search list adds the rest of the name. */
const metadataLabels: ReadonlySet<string> = new Set([
  ...["metadata", "instance-data", "rancher-metadata", "data-server"],
]);
