import type { Assistant, AssistantCreate, AssistantServerChange } from "@postrider/sdk";
import { type HeaderRow, headersOf } from "../../components/header-fields.tsx";

/** What stands in the form of an assistant's server. */
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

/** The body that the form stands for; what was not touched is left out. */
export function assistantBodyOf(draft: AssistantDraft): AssistantCreate {
  const url = draft.url.trim();
  return {
    name: draft.name,
    assistantServer: {
      enabled: draft.enabled,
      url: url === "" ? null : url,
      // What is no number goes as it was typed: the API says what is wrong with it.
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
