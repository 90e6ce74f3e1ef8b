import type { Assistant } from "../domain/lifecycle/call.ts";
import type { Tx } from "./sql.ts";
import { ids, type TeamKey, teamIds, toJsonText } from "./workflows.ts";

export type AssistantRow = {
  team_id: string;
  id: string;
  name: string;
  hang_timeout_seconds: number;
  document: Buffer;
  created_at: Date;
  updated_at: Date;
  deleted_at: Date | null;
};

export function toAssistant(row: AssistantRow): Assistant {
  const document = toJsonText(row.document);
  if (document === null) throw new Error("an assistant has no document");
  return {
    teamId: row.team_id,
    id: row.id,
    name: row.name,
    hangTimeoutSeconds: row.hang_timeout_seconds,
    document,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    deletedAt: row.deleted_at,
  };
}

/** Reads assistants as they are, deleted ones included. */
export async function readAssistants(tx: Tx, keys: readonly TeamKey[]): Promise<Assistant[]> {
  const rows = await tx("read_assistants")<AssistantRow>`
    select a.*
    from unnest(${teamIds(keys)}::text[], ${ids(keys)}::text[]) as k (team_id, id)
    join assistants a on a.team_id = k.team_id and a.id = k.id`;
  return rows.map(toAssistant);
}
