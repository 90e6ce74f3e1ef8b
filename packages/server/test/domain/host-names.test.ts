import { expect, test } from "vitest";
import { type HostNameKind, hostNameKind } from "../../src/domain/host-names.ts";

const names: Record<HostNameKind, readonly string[]> = {
  metadata: [
    // What clouds call it, and everything below.
    ...["metadata.google.internal", "metadata.goog", "instance-data.ec2.internal"],
    ...["metadata.azure.internal", "metadata.tencentyun.com", "metadata.packet.net"],
    ...["metadata.platformequinix.com", "api.metadata.cloud.ibm.com"],
    ...["a.metadata.goog", "a.b.metadata.tencentyun.com", "x.api.metadata.cloud.ibm.com"],
    // What a search list completes.
    ...["metadata", "instance-data", "rancher-metadata", "data-server"],
    ...["metadata.local", "instance-data.corp", "metadata.home.arpa"],
    ...["METADATA.GOOG", "Metadata.Google.Internal.", "metadata."],
  ],
  loopback: ["localhost", "a.localhost", "LOCALHOST", "localhost.", "metadata.localhost"],
  internal: [
    ...["a.local", "a.internal", "a.intranet", "a.private", "a.corp", "a.home", "a.lan"],
    ...["a.localdomain", "a.test", "a.svc", "a.consul", "a.docker", "a.b.home.arpa"],
    ...["printer", "internal", "test", "alt", "a.LAN.", "x.metadata.local"],
  ],
  reserved: [
    ...["a.example", "a.invalid", "a.onion", "a.alt", "1.0.0.10.in-addr.arpa", "home.arpa"],
    ...["a.ALT.", "metadata.example", "xhome.arpa"],
  ],
  public: [
    ...["example.com", "a.example.com", "local.com", "internal.example.org", "test.de"],
    ...["metadata.example.com", "xmetadata.goog", "data-server.com", "localhost.com", "com.goog"],
    ...["cloud.ibm.com", "EXAMPLE.COM.", "svc.example.net"],
  ],
};

test.each(
  Object.entries(names).flatMap(([kind, hosts]) => hosts.map((host) => [host, kind] as const)),
)("%s is a name that is %s", (host, kind) => {
  expect(hostNameKind(host)).toBe(kind);
});
