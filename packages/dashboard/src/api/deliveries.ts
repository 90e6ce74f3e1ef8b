import type { Delivery, DeliveryDetails, ListDeliveriesAnswer } from "@postrider/sdk";
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { ask } from "./request.ts";

/** The filter of deliveries, in the API's words. */
export type DeliverySought = {
  status?: readonly Delivery["status"][];
  endpoint_id?: readonly string[];
  contract?: readonly Delivery["contract"][];
  event_type?: readonly string[];
  error_code?: readonly string[];
  event_id?: readonly string[];
  subject_id?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
};

/** Deliveries, newest first, page after page. */
export const deliveriesQuery = (sought: DeliverySought) =>
  infiniteQueryOptions({
    queryKey: ["deliveries", sought],
    queryFn: ({ signal, pageParam }) =>
      ask<ListDeliveriesAnswer>("GET", "/v1/deliveries", {
        query: { ...sought, limit: 200, ...(pageParam === null ? {} : { cursor: pageParam }) },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    // Loaded rows are not compared again at each further page.
    structuralSharing: false,
    // The stream keeps it fresh.
    staleTime: 60_000,
  });

/** One delivery with its attempts. */
export const deliveryQuery = (id: string) =>
  queryOptions({
    queryKey: ["delivery", id],
    queryFn: ({ signal }) =>
      ask<DeliveryDetails>("GET", `/v1/deliveries/${encodeURIComponent(id)}`, { signal }),
  });

/** A few of the newest deliveries. */
export const someDeliveriesQuery = (sought: DeliverySought, limit: number) =>
  queryOptions({
    queryKey: ["some-deliveries", sought, limit],
    queryFn: ({ signal }) =>
      ask<ListDeliveriesAnswer>("GET", "/v1/deliveries", { query: { ...sought, limit }, signal }),
  });

/** Retries a delivery now. */
export const retryDelivery = (id: string): Promise<Delivery> =>
  ask("POST", `/v1/deliveries/${encodeURIComponent(id)}/retry`);
