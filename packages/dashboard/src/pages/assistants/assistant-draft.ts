import type { Assistant, AssistantCreate, AssistantServerChange } from "@postrider/sdk";
import { type HeaderRow, headersOf } from "../../components/header-fields.tsx";

/** The values in the form of an assistant's server. */
export type AssistantDraft = {
  name: string;
  enabled: boolean;
  url: string;
  timeout: string;
  secret: string;
  clearsSecret: boolean;
  /** Undefined: they stay as they are. */
  headers: readonly HeaderRow[] | undefined;
  messages: readonly string[];
};

/** The form for an assistant, or an empty one. */
export function assistantDraftOf(existing: Assistant | undefined): AssistantDraft {
  const server = existing?.assistantServer;
  return {
    name: existing?.name ?? "",
    enabled: server?.enabled ?? true,
    url: server?.url ?? "",
    timeout: String(server?.timeoutSeconds ?? 20),
    secret: "",
    clearsSecret: false,
    headers: undefined,
    messages: server?.messages ?? [],
  };
}

/** Makes the request body of the form; unchanged members are left out. */
export function assistantBodyOf(draft: AssistantDraft): AssistantCreate {
  const url = draft.url.trim();
  return {
    name: draft.name,
    assistantServer: {
      enabled: draft.enabled,
      url: url === "" ? null : url,
      // A text that is not a number is sent as it was typed: the API's refusal explains the fault.
      timeoutSeconds: (Number.isFinite(Number(draft.timeout)) && draft.timeout.trim() !== ""
        ? Number(draft.timeout)
        : draft.timeout) as number,
      messages: draft.messages as NonNullable<AssistantServerChange["messages"]>,
      ...(draft.secret !== ""
        ? { secret: draft.secret }
        : draft.clearsSecret
          ? { secret: null }
          : {}),
      ...(draft.headers === undefined ? {} : { headers: headersOf(draft.headers) }),
    },
  };
}
