import Type, { type Static } from "typebox";
import { AnyObject, Instant, nameOf, nullable } from "./fields.ts";

/** The media type of one CloudEvent in structured mode (CloudEvents 1.0, JSON format §3). */
export const cloudEventType = "application/cloudevents+json";
/** The media type of a list of CloudEvents (JSON format §4). */
export const cloudEventBatchType = "application/cloudevents-batch+json";

/**
 * The schema of a CloudEvent 1.0 that reports a fact of one of these types.
 *
 * Attributes beyond these are extensions: they may be anything and are not kept. A null counts as absent (JSON format
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
              "^[Aa][Pp][Pp][Ll][Ii][Cc][Aa][Tt][Ii][Oo][Nn]/([\\w.-]+\\+)?[Jj][Ss][Oo][Nn]\\s*(;.*)?$",
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
      description: "A CloudEvent 1.0; `data` is as for the same `type` in the plain form.",
    },
  );

/** The identity of a CloudEvent, which `source` and `id` are together: neither holds a line break. */
export const cloudEventIdentity = ({
  source,
  id,
}: Pick<Static<ReturnType<typeof cloudEventOf>>, "source" | "id">): string => `${source}\n${id}`;
