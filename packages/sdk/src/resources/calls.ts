import type {
  CallCreate,
  CallEnd,
  CallError,
  CallMessage,
  CallMessageReport,
  CallStatus,
  Conversation,
  ConversationWithMessages,
  ListConversationsAnswer,
  ListConversationsQuery,
} from "../api.gen.ts";
import { type CallReporter, startCall } from "../call-reporter.ts";
import { pathSegment } from "../guards.ts";
import { eachByCursor, type Walk } from "../paging.ts";
import type { Reporting, ReportOptions } from "../reports.ts";
import type { RequestOptions, Send } from "../request.ts";

const base = "/calls/v1/conversations";

/** Calls, as their platform reports them. */
export function calls(send: Send, reporting: Reporting) {
  const at = (id: string) => `${base}/${pathSegment(id)}`;
  const post = <Answer>(path: string, body: object, options: RequestOptions) =>
    send<Answer>({ method: "POST", path, body }, options);

  const list = (query: ListConversationsQuery = {}, options: RequestOptions = {}) =>
    send<ListConversationsAnswer>({ method: "GET", path: base, query }, options);

  return {
    /** Reports a call's start and returns a reporter for the rest of the call. With a `buffer`, all reports go there. */
    start: (body: CallCreate, options?: ReportOptions): Promise<CallReporter> =>
      startCall(reporting, body, options),
    /** Reports a call's start and returns the call as the service stores it. */
    create: (body: CallCreate, options: RequestOptions = {}) =>
      post<Conversation>(base, body, options),
    list,
    each: (query: Walk<ListConversationsQuery> = {}, options: RequestOptions = {}) =>
      eachByCursor(
        query,
        (at) => list(at, options),
        (answer) => answer.conversations,
      ),
    get: (id: string, options: RequestOptions = {}) =>
      send<ConversationWithMessages>({ method: "GET", path: at(id) }, options),
    /** Erases a call and everything derived from it, permanently. */
    erase: (id: string, options: RequestOptions = {}) =>
      send<void>({ method: "DELETE", path: at(id) }, options),
    changeStatus: (id: string, body: CallStatus, options: RequestOptions = {}) =>
      post<Conversation>(`${at(id)}/status`, body, options),
    addMessage: (id: string, body: CallMessageReport, options: RequestOptions = {}) =>
      post<CallMessage>(`${at(id)}/messages`, body, options),
    reportError: (id: string, body: CallError, options: RequestOptions = {}) =>
      post<Conversation>(`${at(id)}/errors`, body, options),
    end: (id: string, body: CallEnd = {}, options: RequestOptions = {}) =>
      post<Conversation>(`${at(id)}/end`, body, options),
  };
}
