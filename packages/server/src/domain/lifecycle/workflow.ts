import type { FactContent, NewVersion, NewWorkflow, WorkflowChanges } from "../facts.ts";
import { type JsonText, jsonMembers, jsonText } from "../json-text.ts";
import { digestsOf, namesOutside, plainDiffers, repeatUnless } from "../repeats.ts";
import { sameJson } from "../same-json.ts";
import type { Change, Transition } from "./happening.ts";

/** A workflow as it is stored. Free-form values are the exact JSON text of the report. */
export type Workflow = {
  teamId: string;
  id: string;
  name: string;
  description: string | null;
  configuration: JsonText | null;
  settings: JsonText | null;
  /** Counts the updates that made an event. */
  revision: number;
  versionNumber: number;
  versionName: string | null;
  /** Digests of what its creation said; null until something of that has changed. */
  createdAs: string | null;
  createdBy: string;
  updatedBy: string;
  createdAt: Date;
  updatedAt: Date;
  deletedAt: Date | null;
};

/** A version of a workflow. */
export type Version = {
  id: string;
  number: number;
  name: string | null;
  /** Whether its report asked to make it the active version; null if an older version of the service recorded it. */
  markedActive: boolean | null;
};

/** Who reports, and when by the database's clock. */
export type Report = { actor: string; now: Date };

/** Begins a workflow at version 1. The same id with the same content is a repeat, whatever was changed since. */
export function createWorkflow(
  existing: Workflow | undefined,
  subject: { teamId: string; id: string },
  data: NewWorkflow,
  report: Report,
): Transition<Workflow> {
  if (existing) {
    if (existing.deletedAt !== null) {
      const detail = `The id ${subject.id} already names a workflow that was deleted.`;
      return { kind: "refused", code: "id_taken", detail };
    }
    const differing = namesOutside(creationOf(existing), saltOf(existing), contentOf(data));
    return repeatUnless(differing, existing);
  }
  const state: Workflow = {
    ...subject,
    name: data.name,
    description: data.description ?? null,
    configuration: data.configuration ?? null,
    settings: data.settings ?? null,
    revision: 0,
    versionNumber: 1,
    versionName: data.versionName ?? null,
    createdAs: null,
    createdBy: report.actor,
    updatedBy: report.actor,
    createdAt: report.now,
    updatedAt: report.now,
    deletedAt: null,
  };
  return { kind: "changed", state, happened: [{ kind: "workflow_created", workflow: state }] };
}

/** Applies a PATCH; a PATCH that changes nothing is a repeat. */
export function updateWorkflow(
  workflow: Workflow,
  data: WorkflowChanges,
  report: Report,
): Transition<Workflow> {
  const next = { ...workflow, ...withoutUndefined(data) };
  const configurationChanges = documentChanges(
    "configuration",
    workflow.configuration,
    next.configuration,
  );
  const changes = [
    ...plainChange("name", workflow.name, next.name),
    ...plainChange("description", workflow.description, next.description),
    ...documentChanges("settings", workflow.settings, next.settings),
    ...configurationChanges,
  ];
  if (changes.length === 0) return { kind: "repeated", state: workflow };
  return updated(
    workflow,
    next,
    changes,
    configurationChanges.length > 0 ? "configuration" : "settings",
    report,
  );
}

/** Adds a version and, if asked to, makes it the active one; the same version id with the same content is a repeat. */
export function createVersion(
  workflow: Workflow,
  versions: readonly Version[],
  data: NewVersion,
  report: Report,
): Transition<Workflow> & { version?: Version } {
  const existing = versions.find((version) => version.id === data.versionId);
  if (existing) {
    const marked = existing.markedActive ?? data.markAsActive ?? false;
    const differing = [
      ...plainDiffers("version_name", data.versionName, existing.name),
      ...plainDiffers("mark_as_active", data.markAsActive, marked),
    ];
    return { ...repeatUnless(differing, workflow), version: existing };
  }
  const version: Version = {
    id: data.versionId,
    number: Math.max(0, ...versions.map(({ number }) => number)) + 1,
    name: data.versionName ?? null,
    markedActive: data.markAsActive ?? false,
  };
  if (!data.markAsActive) {
    return {
      kind: "changed",
      state: { ...workflow, updatedBy: report.actor, updatedAt: report.now },
      happened: [],
      version,
    };
  }
  return { ...activated(workflow, version, report), version };
}

/** Makes a version the active one; if it is active already, this is a repeat. */
export function activateVersion(
  workflow: Workflow,
  versions: readonly Version[],
  versionNumber: number,
  report: Report,
): Transition<Workflow> {
  const version = versions.find(({ number }) => number === versionNumber);
  if (!version) {
    return {
      kind: "refused",
      code: "not_found",
      detail: `The workflow has no version ${versionNumber}.`,
    };
  }
  if (workflow.versionNumber === versionNumber) return { kind: "repeated", state: workflow };
  return activated(workflow, version, report);
}

/** Ends a workflow. The caller cancels its unfinished runs first. */
export function deleteWorkflow(workflow: Workflow, report: Report): Transition<Workflow> {
  const state = {
    ...workflow,
    updatedBy: report.actor,
    updatedAt: report.now,
    deletedAt: report.now,
  };
  return { kind: "changed", state, happened: [{ kind: "workflow_deleted", workflow: state }] };
}

function activated(workflow: Workflow, version: Version, report: Report): Transition<Workflow> {
  const next = { ...workflow, versionNumber: version.number, versionName: version.name };
  const changes = [
    ...plainChange("version_number", workflow.versionNumber, next.versionNumber),
    ...plainChange("version_name", workflow.versionName, next.versionName),
  ];
  return updated(workflow, next, changes, "version", report);
}

function updated(
  workflow: Workflow,
  next: Workflow,
  changes: Change[],
  reason: "configuration" | "version" | "settings",
  report: Report,
): Transition<Workflow> {
  const state = {
    ...next,
    revision: next.revision + 1,
    createdAs: creationOf(workflow),
    updatedBy: report.actor,
    updatedAt: report.now,
  };
  return {
    kind: "changed",
    state,
    happened: [{ kind: "workflow_updated", workflow: state, changes, reason }],
  };
}

/** Digests of what its creation said; computed from its present state until something is changed. */
const creationOf = (workflow: Workflow): string =>
  workflow.createdAs ?? digestsOf(saltOf(workflow), contentOf(workflow));

const saltOf = ({ teamId, id }: Workflow): string => `${teamId}/${id}`;

/** The content of a creation, by the names of its body's members. */
function contentOf(data: NewWorkflow): FactContent {
  const members: [string, JsonText | undefined][] = [
    ["name", jsonText(data.name)],
    ["description", toText(data.description)],
    ["configuration", data.configuration === null ? jsonText(null) : data.configuration],
    ["settings", data.settings === null ? jsonText(null) : data.settings],
    ["version_name", toText(data.versionName)],
  ];
  return new Map(members.flatMap(([name, text]) => (text === undefined ? [] : [[name, text]])));
}

const toText = (value: string | null | undefined): JsonText | undefined =>
  value === undefined ? undefined : jsonText(value);

function plainChange(
  path: string,
  before: string | number | null,
  after: string | number | null,
): Change[] {
  return before === after ? [] : [{ path, oldValue: jsonText(before), newValue: jsonText(after) }];
}

/**
 * The most members whose changes are listed one by one: the list of many small members would be many times as large as
 * the document.
 */
const membersToldMax = 1_000;

/** Lists a document's changes member by member if both are objects and few members differ; otherwise as one change. */
function documentChanges(path: string, before: JsonText | null, after: JsonText | null): Change[] {
  if (sameJson(before, after)) return [];
  const asWhole = {
    path,
    oldValue: before ?? jsonText(null),
    newValue: after ?? jsonText(null),
  };
  const [old, now] = [memberTexts(before), memberTexts(after)];
  if (!old || !now) return [asWhole];
  const changes = [...new Set([...old.keys(), ...now.keys()])].flatMap((key) => {
    const [oldValue, newValue] = [old.get(key), now.get(key)];
    if (oldValue !== undefined && newValue !== undefined && sameJson(oldValue, newValue)) return [];
    return [{ path: `${path}.${key}`, oldValue, newValue }];
  });
  return changes.length > membersToldMax ? [asWhole] : changes;
}

const memberTexts = (text: JsonText | null): Map<string, JsonText> | undefined =>
  text?.trimStart().startsWith("{") ? jsonMembers(text) : undefined;

const withoutUndefined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
