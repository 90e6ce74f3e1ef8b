import type { OperationalWebhook, Webhook, WorkflowWebhook } from "@postrider/sdk";
import type { OwnContract, Webhooks } from "../../api/webhooks.ts";
import { type HeaderRow, headersOf } from "../../components/header-fields.tsx";

/** The values in the form; numbers as they are typed. */
export type Draft = {
  name: string;
  url: string;
  events: readonly string[];
  /** The bearer token of contract A, the secret of contract B. */
  secret: string;
  hasSecret: boolean;
  /** Remove the existing secret. */
  clearsSecret: boolean;
  /** Undefined: they stay as they are. */
  headers: readonly HeaderRow[] | undefined;
  timeout: string;
  retries: string;
  backoff: string;
  /** An operational webhook gets the events of every team. */
  allTeams: boolean;
};

/** The form for what exists, or an empty one with the usual policy. */
export function draftOf(
  existing: WorkflowWebhook | OperationalWebhook | Webhook | undefined,
): Draft {
  const workflow = existing && "actions" in existing ? existing : undefined;
  return {
    name: existing?.name ?? "",
    url: existing?.url ?? "",
    events: existing ? ("actions" in existing ? existing.actions : existing.events) : [],
    secret: "",
    hasSecret: existing
      ? "actions" in existing
        ? existing.has_bearer_token
        : existing.has_secret
      : false,
    clearsSecret: false,
    headers: undefined,
    timeout: String(workflow?.timeout_seconds ?? 10),
    retries: String(workflow?.max_retries ?? 3),
    backoff: String(workflow?.retry_backoff_seconds ?? 10),
    allTeams: existing !== undefined && "all_teams" in existing && existing.all_teams === true,
  };
}

/** The API's names of the form's members, by contract. */
export const membersOf = (contract: OwnContract) =>
  ({
    name: "name",
    url: "url",
    events: contract === "organisation" ? "events" : "actions",
    secret: contract === "organisation" ? "secret" : "bearer_token",
    headers: "headers",
    timeout: "timeout_seconds",
    retries: "max_retries",
    backoff: "retry_backoff_seconds",
  }) as const;

/** Makes the request body of the form. A text that is not a number is sent as typed: the API's refusal explains the fault. */
export function bodyOf<C extends OwnContract>(
  contract: C,
  draft: Draft,
  exists: boolean,
): Webhooks[C]["update"] {
  const members = membersOf(contract);
  const { secret, clearsSecret } = draft;
  return {
    name: draft.name,
    url: draft.url.trim(),
    [members.events]: draft.events,
    ...(secret === "" ? {} : { [members.secret]: secret }),
    ...(exists && clearsSecret && secret === ""
      ? contract === "organisation"
        ? { secret: null }
        : { clear_bearer_token: true }
      : {}),
    ...(draft.headers === undefined ? {} : { headers: headersOf(draft.headers) }),
    ...(contract === "operational" ? { all_teams: draft.allTeams } : {}),
    ...(contract !== "organisation"
      ? {
          [members.timeout]: numberTyped(draft.timeout),
          [members.retries]: numberTyped(draft.retries),
          [members.backoff]: numberTyped(draft.backoff),
        }
      : {}),
  } as Webhooks[C]["update"];
}

const numberTyped = (text: string): number | string =>
  text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
