/** The value of a header that is new on each attempt. */
type Fresh = { fresh: "id" | "time" | "signatures" | "bodySignature" };

/**
 * The headers of all requests to one receiver as they are stored: secrets as `***`, and placeholders for values that are
 * new on each attempt.
 */
export type RequestHead = Readonly<Record<string, string | Fresh>>;

/** The headers of a receiver's requests. */
export type RequestHeadParts = {
  /** Names and values in turn, of headers without secrets. */
  open: readonly string[];
  /** Names of headers whose values are secret. */
  secret: readonly string[];
  bodySignature: { header: string; timestampHeader?: string } | undefined;
};

const hiddenValue = "***";

/** Builds the stored headers of a receiver's requests. */
export function requestHead({ open, secret, bodySignature }: RequestHeadParts): RequestHead {
  const entries: [string, string | Fresh][] = [];
  for (let at = 0; at < open.length; at += 2) entries.push([open[at] ?? "", open[at + 1] ?? ""]);
  for (const name of secret) entries.push([name, hiddenValue]);
  if (bodySignature) {
    const { header, timestampHeader } = bodySignature;
    entries.push([header, { fresh: "bodySignature" }]);
    if (timestampHeader !== undefined) entries.push([timestampHeader, { fresh: "time" }]);
  }
  entries.push(
    ["webhook-id", { fresh: "id" }],
    ["webhook-timestamp", { fresh: "time" }],
    ["webhook-signature", { fresh: "signatures" }],
  );
  return Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), value]));
}

/** The time (Unix seconds) and the signatures of one attempt: HMAC-SHA256, 32 bytes each. */
export type RequestProof = {
  timestamp: number;
  /** The contract's own signature over the bare body, as hex. */
  bodySignature: string | undefined;
  /** One for each signing secret in force (Standard Webhooks, `v1`), as base64. */
  signatures: readonly string[];
};

const timeBytes = 4;
const signatureBytes = 32;

/** Packs a proof for storage: 4 bytes of time, the body's signature if the head has one, then the other signatures. */
export function packProof({ timestamp, bodySignature, signatures }: RequestProof): Buffer {
  const signaturesAt = timeBytes + (bodySignature === undefined ? 0 : signatureBytes);
  const proof = Buffer.allocUnsafe(signaturesAt + signatures.length * signatureBytes);
  proof.writeUInt32BE(timestamp);
  if (bodySignature !== undefined) proof.write(bodySignature, timeBytes, "hex");
  signatures.forEach((signature, index) => {
    proof.write(signature, signaturesAt + index * signatureBytes, "base64");
  });
  return proof;
}

/** The headers of one attempt as they were sent, by lower-case name; secrets are `***`. */
export function requestHeaders(
  head: RequestHead,
  proof: Buffer,
  webhookId: string,
): Record<string, string> {
  const signatures: Buffer[] = [];
  for (let at = timeBytes; at < proof.length; at += signatureBytes) {
    signatures.push(proof.subarray(at, at + signatureBytes));
  }
  const values = Object.values(head);
  const ofBody = values.some((value) => isFresh(value) && value.fresh === "bodySignature");
  const bodySignature = ofBody ? signatures.shift() : undefined;
  const fresh: Record<Fresh["fresh"], string> = {
    id: webhookId,
    time: String(proof.readUInt32BE(0)),
    signatures: signatures.map((bytes) => `v1,${bytes.toString("base64")}`).join(" "),
    bodySignature: bodySignature?.toString("hex") ?? "",
  };
  return Object.fromEntries(
    Object.entries(head).map(([name, value]) => [
      name,
      isFresh(value) ? fresh[value.fresh] : value,
    ]),
  );
}

const isFresh = (value: string | Fresh): value is Fresh => typeof value !== "string";
