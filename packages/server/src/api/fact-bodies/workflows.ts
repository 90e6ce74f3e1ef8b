import Type, { type Static } from "typebox";
import type { WorkflowChanges } from "../../domain/facts.ts";
import { bodyDocument } from "../exact-json.ts";
import { AnyObject, Id, Instant, nameOf, nullable, textOf } from "../fields.ts";
import { reportOf } from "../report.ts";
import { invalidRequest } from "../validation.ts";
import type { FactOf, Told } from "./told.ts";

const occurredAt = { occurred_at: Type.Optional(Instant) };

export const WorkflowCreateBody = Type.Object(
  {
    _id: Type.Optional(Id),
    name: nameOf(255),
    description: Type.Optional(nullable(textOf(2000))),
    configuration: Type.Optional(nullable(AnyObject)),
    settings: Type.Optional(nullable(AnyObject)),
    version_name: Type.Optional(nullable(nameOf(150))),
    ...occurredAt,
  },
  { additionalProperties: false, title: "WorkflowCreate" },
);

export const WorkflowUpdateBody = Type.Object(
  {
    name: Type.Optional(nameOf(255)),
    description: Type.Optional(nullable(textOf(2000))),
    configuration: Type.Optional(nullable(AnyObject)),
    settings: Type.Optional(nullable(AnyObject)),
    ...occurredAt,
  },
  { additionalProperties: false, title: "WorkflowUpdate", published: { minProperties: 1 } },
);

export const VersionCreateBody = Type.Object(
  {
    _id: Type.Optional(Id),
    version_name: Type.Optional(nullable(nameOf(150))),
    mark_as_active: Type.Optional(Type.Boolean({ default: false })),
    ...occurredAt,
  },
  { additionalProperties: false, title: "WorkflowVersionCreate" },
);

export const VersionActivateBody = Type.Object(occurredAt, {
  additionalProperties: false,
  title: "WorkflowVersionActivate",
});

/** Makes the fact that a workflow was created; `freshId` is its id if the body has none. */
export function workflowCreated(
  told: Told<Static<typeof WorkflowCreateBody>>,
  freshId: () => string,
): FactOf<"workflow.created"> {
  const { body } = told;
  return {
    type: "workflow.created",
    ...reportOf(told, body),
    workflowId: body._id ?? freshId(),
    data: {
      name: body.name,
      description: body.description,
      configuration: bodyDocument(told, "configuration"),
      settings: bodyDocument(told, "settings"),
      versionName: body.version_name,
    },
  };
}

/** Makes the fact that a workflow was changed; a body without a change is a 422. */
export function workflowUpdated(
  told: Told<Static<typeof WorkflowUpdateBody>>,
  workflowId: string,
): FactOf<"workflow.updated"> {
  const { name, description } = told.body;
  const configuration = bodyDocument(told, "configuration");
  const settings = bodyDocument(told, "settings");
  const data: WorkflowChanges = {
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(configuration !== undefined && { configuration }),
    ...(settings !== undefined && { settings }),
  };
  if (Object.keys(data).length === 0) {
    throw invalidRequest([{ loc: ["body"], msg: "must name what changes", type: "missing" }]);
  }
  return { type: "workflow.updated", ...reportOf(told, told.body), workflowId, data };
}

/** Makes the fact that a workflow has a new version; `freshId` is the version's id if the body has none. */
export function versionCreated(
  told: Told<Static<typeof VersionCreateBody>>,
  workflowId: string,
  freshId: () => string,
): FactOf<"workflow.version_created"> {
  const { body } = told;
  return {
    type: "workflow.version_created",
    ...reportOf(told, body),
    workflowId,
    data: {
      versionId: body._id ?? freshId(),
      versionName: body.version_name,
      markAsActive: body.mark_as_active,
    },
  };
}

/** Makes the fact that a version became the active one. */
export const versionActivated = (
  told: Told<Static<typeof VersionActivateBody>>,
  workflowId: string,
  versionNumber: number,
): FactOf<"workflow.version_activated"> => ({
  type: "workflow.version_activated",
  ...reportOf(told, told.body),
  workflowId,
  data: { versionNumber },
});

/** Makes the fact that a workflow was deleted. */
export const workflowDeleted = (
  told: Pick<Told<unknown>, "caller"> & { body?: { occurred_at?: string } },
  workflowId: string,
): FactOf<"workflow.deleted"> => ({
  type: "workflow.deleted",
  ...reportOf(told, told.body),
  workflowId,
});
