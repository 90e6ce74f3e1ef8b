import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { ApiFailure } from "./problem.ts";
import { viewerQuery } from "./session.ts";

/** Opens the cache of the API's answers. */
export function openQueryClient(): QueryClient {
  /** A session that has ended shows the sign-in page, wherever it is noticed. */
  const onError = (error: unknown): void => {
    if (error instanceof ApiFailure && error.status === 401) {
      client.setQueryData(viewerQuery.queryKey, null);
    }
  };
  const client = new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        // The stream reports changes: an open page need not poll.
        refetchOnWindowFocus: false,
        refetchOnReconnect: true,
        staleTime: 15_000,
        retry: (count, error) => count < 2 && isPassing(error),
      },
    },
  });
  return client;
}

/** Whether the same request may succeed a moment later. */
const isPassing = (error: unknown): boolean =>
  error instanceof ApiFailure && (error.status === 0 || error.status >= 502);
