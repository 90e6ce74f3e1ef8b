import type { Problem } from "@postrider/sdk";

/** One fault of a request: which member, and what is wrong with it. */
export type Fault = NonNullable<Problem["errors"]>[number];

/** A refusal of the API, or a failed request; `detail` is a sentence for people. */
export class ApiFailure extends Error {
  readonly status: number;
  readonly code: string;
  readonly requestId: string | undefined;
  readonly faults: readonly Fault[];

  constructor(told: {
    status: number;
    code: string;
    detail: string;
    requestId?: string | undefined;
    faults?: readonly Fault[];
  }) {
    super(told.detail);
    this.name = "ApiFailure";
    this.status = told.status;
    this.code = told.code;
    this.requestId = told.requestId;
    this.faults = told.faults ?? [];
  }
}

/** Reads a refusal. A proxy may have answered instead of the API, in another form. */
export async function readFailure(response: Response): Promise<ApiFailure> {
  const requestId = response.headers.get("x-request-id") ?? undefined;
  try {
    const problem = (await response.json()) as Partial<Problem>;
    return new ApiFailure({
      status: response.status,
      code: problem.code ?? "unknown",
      detail: problem.detail ?? problem.title ?? answered(response),
      requestId: problem.request_id ?? requestId,
      faults: problem.errors ?? [],
    });
  } catch {
    return new ApiFailure({
      status: response.status,
      code: "unknown",
      detail: answered(response),
      requestId,
    });
  }
}

const answered = (response: Response): string =>
  `The service answered ${response.status}${response.statusText ? ` ${response.statusText}` : ""}.`;

/** The service could not be reached at all. */
export const unreachable = (): ApiFailure =>
  new ApiFailure({
    status: 0,
    code: "unreachable",
    detail: "The service cannot be reached. Is it running, and is this computer online?",
  });

/** The error as one sentence. */
export const sentenceOf = (error: unknown): string =>
  error instanceof Error ? error.message : "Something went wrong.";
