import { many, one } from "../../search.ts";

/** The parameters of the endpoints page's address. */
export const endpointsSpec = {
  state: many("healthy", "failing", "disabled", "idle"),
  contract: many("workflow", "organisation", "assistant", "operational"),
  search: one(),
  endpoint: one(),
  edit: one("yes"),
  new: one("workflow", "organisation", "operational"),
} as const;
