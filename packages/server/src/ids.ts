import { hash, randomBytes, randomUUID } from "node:crypto";

/** The form of a resource id: 24 lower-case hex digits, four bytes of Unix seconds first. */
export const objectIdPattern = "^[0-9a-f]{24}$";

// Five random bytes name this process, three count within it: the layout of a MongoDB ObjectId.
const processPart = randomBytes(5).toString("hex");
let counter = randomBytes(3).readUIntBE(0, 3);

/** Makes a resource id that sorts by time: seconds, process, counter. */
export function newId(unixSeconds = Math.floor(Date.now() / 1000)): string {
  counter = (counter + 1) & 0xffffff;
  return secondsHex(unixSeconds) + processPart + counter.toString(16).padStart(6, "0");
}

/** Derives the id that a request with this seed always gets, so that its repeat creates nothing twice. */
export function idFromSeed(unixSeconds: number, seed: string): string {
  return secondsHex(unixSeconds) + sha256Hex(seed).slice(0, 16);
}

/** Says whether a text is a resource id. */
export function isObjectId(text: string): boolean {
  return /^[0-9a-f]{24}$/.test(text);
}

/**
 * Derives an event's id from its identity: the same fact gives the same event, however often it is reported.
 *
 * A UUID of version 8 (RFC 9562): the first 32 bits are the seconds of the subject's id where it has any, so that
 * index pages are filled from left to right; the rest is SHA-256 over team, contract and dedupe key.
 */
export function eventId(identity: {
  teamId: string;
  contract: string;
  dedupeKey: string;
  subjectId: string;
}): string {
  const hex = sha256Hex(`${identity.teamId}\n${identity.contract}\n${identity.dedupeKey}`);
  const prefix = isObjectId(identity.subjectId) ? identity.subjectId.slice(0, 8) : hex.slice(0, 8);
  return uuidOf(prefix + hex.slice(8));
}

/** A UUID of version 8 (RFC 9562) that is a hash of a text: equal texts have the same. */
export const contentId = (text: string): string => uuidOf(sha256Hex(text));

/** The first 128 bits of a hash as a UUID of version 8. */
function uuidOf(hex: string): string {
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Makes the name of a process that takes leases: 16 lower-case hex digits, the first half of each of its lease tokens. */
export function newLeaseOwner(): string {
  const hex = randomBytes(8).toString("hex");
  return `${hex.slice(0, 12)}8${hex.slice(13)}`;
}

/** Makes the token of a lease: a UUID of version 8 (RFC 9562) whose first half is its owner's name. */
export function newLeaseToken(owner: string): string {
  const hex = owner + randomUUID().slice(19).replace("-", "");
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join("-");
}

/** The public form of an event id, as in `webhook-id`: `event_<uuid>`. */
export const publicEventId = (uuid: string): string => `event_${uuid}`;

/** Reads `event_<uuid>` (lower case); undefined for anything else. */
export function parseEventId(text: string): string | undefined {
  return /^event_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(text)?.[1];
}

const secondsHex = (unixSeconds: number): string =>
  (unixSeconds >>> 0).toString(16).padStart(8, "0");

/** A digest of a content in 16 hex digits. */
export const contentDigest = (text: string): string => sha256Hex(text).slice(0, 16);

/** SHA-256 in hexadecimal, in one call: half the time of a hash object. */
const sha256Hex = (text: string): string => hash("sha256", text, "hex");

/** The form of a call's id: `WC-` (web) or `CC-` (phone) and a UUID. */
export const callIdPattern = "^(WC|CC)-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$";

/** Makes a call's id. */
export const newCallId = (callType: "web" | "phone"): string =>
  `${callType === "web" ? "WC" : "CC"}-${randomUUID()}`;

/** Derives the call id that a request with this seed always gets. */
export function callIdFromSeed(callType: "web" | "phone", seed: string): string {
  const hex = sha256Hex(seed);
  const uuid = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  return `${callType === "web" ? "WC" : "CC"}-${uuid}`;
}
