/** A project written down for tests: resources as a user sends them, what groups reported, and which secrets there are. */
import { expect } from "vitest";
import { collectionOf, type ResourceView, type ViewedResource } from "#control/compiler/view.ts";
import type { JsonObject } from "#base/json.ts";
import type { GroupReport, InstanceReport } from "#instances/group/spec.ts";
import { conform } from "#model/conform.ts";
import { kindOfCollection } from "#model/kinds.ts";

export interface ProjectFile {
  /** By key, oldest first. */
  readonly resources: Readonly<Record<string, JsonObject>>;
  /** By group key; what is left out of an instance is that of one that runs. */
  readonly reports?: Readonly<Record<string, readonly Partial<InstanceReport>[]>>;
  /** Latest enabled version by name. */
  readonly secrets?: Readonly<Record<string, number>>;
  /** Why the resources are not held against the model's checks: a state that outlived what it refers to. */
  readonly unchecked?: string;
}

/** Takes the resources through the model as the API does, and fails the test on any fault. */
export function projectOf(file: ProjectFile): ResourceView {
  const resources = Object.entries(file.resources).map(([key, resource], index): ViewedResource => ({
    key,
    resource: accepted(key, resource, file.unchecked === undefined),
    createdAtMs: index,
  }));
  const byKey = new Map(resources.map((stored) => [stored.key, stored.resource]));
  const reports = new Map(Object.entries(file.reports ?? {}).map(([key, instances]) => [key, reportOf(key, instances)]));
  const secrets = new Map(Object.entries(file.secrets ?? {}));
  return {
    project: "demo",
    get: (key) => byKey.get(key),
    list: (collection) => resources.filter(({ key }) => collectionOf(key) === collection),
    groupReport: (key) => reports.get(key),
    secretVersion: (name) => secrets.get(name) ?? null,
  };
}

/** Memberships are the API's own and have no kind. */
function accepted(key: string, resource: JsonObject, checked: boolean): JsonObject {
  const kind = kindOfCollection(collectionOf(key));
  if (!kind) return resource;
  const { value, faults } = conform(kind.message, { name: key.slice(key.lastIndexOf("/") + 1), ...resource });
  expect(faults).toEqual([]);
  const filled = kind.defaults(value);
  if (checked) expect(kind.check(filled)).toEqual([]);
  return filled;
}

function reportOf(key: string, instances: readonly Partial<InstanceReport>[]): GroupReport {
  const running = { id: "1", status: "RUNNING", action: "NONE", health: {}, createdAtMs: 0, name: "", address: "" } as const;
  return { key, specVersion: 1, sequence: 1, isStable: true, instances: instances.map((instance) => ({ ...running, ...instance })) };
}
