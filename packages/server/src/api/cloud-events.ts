import type { FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import type { FieldError } from "../errors.ts";
import { AnyObject, Instant, nameOf, nullable } from "./fields.ts";
import { invalidRequest } from "./validation.ts";

/** The media type of one CloudEvent in structured mode (CloudEvents 1.0, JSON format §3). */
export const cloudEventType = "application/cloudevents+json";
/** The media type of a list of CloudEvents (JSON format §4). */
export const cloudEventBatchType = "application/cloudevents-batch+json";

/**
 * The schema of a CloudEvent 1.0 that reports a fact of one of these types.
 *
 * Other attributes are extensions: they may have any value and are not kept. A null counts as absent (JSON format
 * §2.2). `source` and `id` are at most 255 characters, so that their identity can be indexed.
 */
export const cloudEventOf = (types: readonly string[]) =>
  Type.Object(
    {
      specversion: Type.Literal("1.0"),
      id: nameOf(255),
      source: nameOf(255),
      type: Type.Union(types.map((type) => Type.Literal(type))),
      time: Type.Optional(nullable(Instant)),
      datacontenttype: Type.Optional(
        nullable(
          Type.String({
            pattern:
              "^[Aa][Pp][Pp][Ll][Ii][Cc][Aa][Tt][Ii][Oo][Nn]/([A-Za-z0-9_.-]+\\+)?[Jj][Ss][Oo][Nn][\\x09 ]*(;[\\x09\\x20-\\x7e]*)?$",
            title: "a media type of JSON such as application/json",
          }),
        ),
      ),
      data: AnyObject,
      data_base64: Type.Optional(Type.Null()),
    },
    {
      additionalProperties: true,
      title: "CloudEvent",
      description:
        "A CloudEvent 1.0; `data` has the same form as in the plain form of this `type`.",
    },
  );

/** The identity of a CloudEvent: `source` and `id`, joined by a line break, which neither contains. */
export const cloudEventIdentity = ({
  source,
  id,
}: Pick<Static<ReturnType<typeof cloudEventOf>>, "source" | "id">): string => `${source}\n${id}`;

type Headers = FastifyRequest["headers"];

/** The attributes of a CloudEvent that the service reads; in binary mode each is a header with the prefix `ce-`. */
const attributes = ["specversion", "type", "id", "source", "time"] as const;

const prefix = "ce-";

/** Says whether a JSON request is a CloudEvent in binary mode: its attributes are headers, its body is the data. */
export const isBinaryMode = (headers: Headers): boolean =>
  Object.keys(headers).some((name) => name.startsWith(prefix));

/** Reads the attributes of a CloudEvent in binary mode (HTTP protocol binding §3.1.3.2); absent ones are left out. */
export function binaryAttributes(headers: Headers): Record<string, string> {
  const given = attributes.flatMap((attribute) => {
    const value = headers[prefix + attribute];
    return typeof value === "string" ? [[attribute, unescaped(value, attribute)]] : [];
  });
  return Object.fromEntries(given);
}

/** The `ce-` headers of a CloudEvent in binary mode, unchanged; they are part of a request's fingerprint. */
export const binaryHeaders = (headers: Headers): string[] =>
  attributes.flatMap((attribute) => {
    const value = headers[prefix + attribute];
    return value === undefined ? [] : [`${prefix}${attribute}: ${value}`];
  });

/** Converts a path within a CloudEvent in binary mode to its place in the request. */
export function binaryLocation([attribute, ...path]: FieldError["loc"]): FieldError["loc"] {
  return attribute === undefined || attribute === "data"
    ? ["body", ...path]
    : ["header", prefix + attribute, ...path];
}

/** Removes the quotes that older senders put around a value, and one level of percent-encoding. */
function unescaped(value: string, attribute: string): string {
  const quoted = /^"((?:[^"\\]|\\.)*)"$/.exec(value)?.[1];
  const bare = quoted === undefined ? value : quoted.replaceAll(/\\(.)/g, "$1");
  try {
    if (/^[\x20-\x7e]*$/.test(bare)) return decodeURIComponent(bare);
  } catch {
    // Refused below.
  }
  const msg = "must be printable ASCII in which everything else, % included, is percent-encoded";
  throw invalidRequest([{ loc: binaryLocation([attribute]), msg, type: "pattern" }]);
}
