import Type from "typebox";
import type { ServedAssistant } from "../db/assistants.ts";
import { type JsonText, joinObject, jsonMembers, jsonText } from "../domain/json-text.ts";
import { nullable, Timestamp } from "./fields.ts";

/** The schema of an assistant with its server. */
export const Assistant = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    assistantServer: Type.Object({
      enabled: Type.Boolean(),
      disabledReason: nullable(Type.Enum(["manual", "failing"])),
      url: nullable(Type.String()),
      timeoutSeconds: Type.Integer(),
      hasSecret: Type.Boolean(),
      headerNames: Type.Array(Type.String()),
      messages: Type.Array(Type.String()),
    }),
    hangTimeoutSeconds: Type.Integer(),
    endReportWaitSeconds: Type.Integer(),
    createdAt: Timestamp,
    updatedAt: Timestamp,
    documentOmitted: Type.Optional(Type.Literal(true)),
  },
  { additionalProperties: true, title: "Assistant" },
);

/** Prints an assistant with all its own members, and its server without secrets and header values. */
export function assistantAnswer(
  { assistant, server }: ServedAssistant,
  documentOmitted = false,
): JsonText {
  const plain = {
    id: assistant.id,
    name: assistant.name,
    assistantServer: {
      enabled: server.enabled,
      disabledReason: server.disabledReason,
      url: server.url === "" ? null : server.url,
      timeoutSeconds: server.timeoutSeconds,
      hasSecret: server.sealedSecret !== null,
      headerNames: server.headerNames,
      messages: server.messages,
    },
    hangTimeoutSeconds: assistant.hangTimeoutSeconds,
    endReportWaitSeconds: assistant.endReportWaitSeconds,
    createdAt: assistant.createdAt,
    updatedAt: assistant.updatedAt,
    ...(documentOmitted && { documentOmitted }),
  };
  return joinObject([
    ...Object.entries(plain).map(([name, value]) => [name, jsonText(value)] as const),
    ...jsonMembers(assistant.document),
  ]);
}
