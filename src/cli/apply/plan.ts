/** What applying a file would do to one resource, found out without changing anything. */
import { isJsonObject, sameJson, type Json, type JsonObject } from "#base/json.ts";
import { ApiError, type Client, type Method } from "#client/client.ts";
import type { FileFault } from "../files/document.ts";
import type { Manifest } from "../files/manifest.ts";
import { insertPath, resourcePath } from "../resources/paths.ts";
import { comparable, isSame, patchBetween } from "./compare.ts";
import { addGenerated, bytesToGenerate, generateAnnotation, hasVersions } from "./generated.ts";

export type Action = "created" | "updated" | "unchanged";

export interface Step {
  readonly manifest: Manifest;
  readonly action: Action;
  /** Carries it out. Throws `ApiError`. */
  run(): Promise<void>;
}

export interface Target {
  readonly client: Client;
  readonly project: string;
}

/** The step for one resource, or why there can be none. Throws `ApiError` when the API cannot be asked. */
export async function planOne(target: Target, manifest: Manifest): Promise<Step | FileFault> {
  try {
    return await plan(target, manifest);
  } catch (failure) {
    // The place itself is wrong, such as a zone that there is not.
    if (!(failure instanceof ApiError) || failure.status !== 400) throw failure;
    return { where: manifest.document.positionOf(failure.faults[0]?.field), message: failure.message };
  }
}

async function plan(target: Target, manifest: Manifest): Promise<Step | FileFault> {
  const path = resourcePath(manifest.kind, target.project, manifest.key);
  const current = await target.client.find(path);
  const step = current === undefined ? insertion(target, manifest) : change(target, manifest, { path, current });
  return manifest.kind.collection === "secrets" ? withGeneratedVersion(target, { path, exists: current !== undefined }, step) : step;
}

function insertion({ client, project }: Target, manifest: Manifest): Step {
  const path = insertPath(manifest.kind, project, manifest.key);
  return { manifest, action: "created", run: async () => void (await client.call("POST", path, manifest.body)) };
}

interface Existing {
  readonly path: string;
  readonly current: JsonObject;
}

function change({ client, project }: Target, manifest: Manifest, existing: Existing): Step | FileFault {
  const { kind } = manifest;
  const wanted = comparable(kind, manifest.name, withScaledSize(manifest, existing.current));
  const current = comparable(kind, manifest.name, existing.current);
  if (isSame(kind, project, { wanted, current })) return { manifest, action: "unchanged", run: () => Promise.resolve() };
  const call = callFor(manifest, { ...existing, path: changePath(manifest, project, existing) }, { wanted, current });
  if (call === undefined) return immutable(manifest, differing(wanted, current));
  return { manifest, action: "updated", run: async () => void (await client.call(call.method, call.path, call.body)) };
}

/** The size of a group that has an autoscaler is the autoscaler's: the file's is where it began. */
function withScaledSize({ kind, body }: Manifest, { status, targetSize }: JsonObject): JsonObject {
  const isScaled = kind.collection === "instanceGroupManagers" && isJsonObject(status) && status["autoscaler"] !== undefined;
  return isScaled && targetSize !== undefined ? { ...body, targetSize } : body;
}

function changePath({ kind, key, name }: Manifest, project: string, { path }: Existing): string {
  return kind.changedThroughCollection ? `${insertPath(kind, project, key)}?${kind.singular}=${encodeURIComponent(name)}` : path;
}

interface Call {
  readonly method: Method;
  readonly path: string;
  readonly body: Json;
}

/** The whole resource is replaced by what the file says, in the way that its API has for it; undefined when it has none. */
function callFor(
  { kind, body }: Manifest,
  existing: Existing,
  { wanted, current }: { wanted: JsonObject; current: JsonObject },
): Call | undefined {
  const { path } = existing;
  const fingerprint =
    kind.fingerprint && typeof existing.current["fingerprint"] === "string" ? { fingerprint: existing.current["fingerprint"] } : {};
  if (kind.verbs.includes("update")) return { method: "PUT", path, body: { ...body, ...fingerprint } };
  if (kind.collection === "secrets") return { method: "PATCH", path: `${path}?updateMask=${differing(wanted, current).join(",")}`, body };
  if (kind.verbs.includes("patch") && kind.api === "compute") {
    return { method: "PATCH", path, body: { ...patchBetween(current, wanted), ...fingerprint } };
  }
  if (kind.verbs.includes("patch")) return { method: "PATCH", path: `${path}?updateMask=*`, body };
  const isOnlyPorts = kind.collection === "instanceGroups" && differing(wanted, current).join() === "namedPorts";
  return isOnlyPorts
    ? { method: "POST", path: `${path}/setNamedPorts`, body: { namedPorts: wanted["namedPorts"] ?? [], ...fingerprint } }
    : undefined;
}

/** Names of the fields at the top that are not the same. */
function differing(wanted: JsonObject, current: JsonObject): string[] {
  const fields = new Set([...Object.keys(wanted), ...Object.keys(current)]);
  return [...fields].filter((field) => !sameJson(wanted[field], current[field]));
}

function immutable({ kind, name, document }: Manifest, fields: readonly string[]): FileFault {
  const mend =
    kind.collection === "instanceTemplates"
      ? "give the new one another name, and name it in the group's instanceTemplate"
      : `delete it first (wayside delete ${kind.singular} ${name}), or give the new one another name`;
  const message = `${kind.singular} ${name} exists and differs in ${fields.join(", ")}, and the API cannot change it: ${mend}`;
  return { where: document.positionOf(`resource.${fields[0] ?? ""}`), message };
}

async function withGeneratedVersion(
  { client }: Target,
  { path, exists }: { path: string; exists: boolean },
  step: Step | FileFault,
): Promise<Step | FileFault> {
  if (!isStep(step)) return step;
  const { manifest } = step;
  const bytes = bytesToGenerate(manifest.body);
  if (typeof bytes === "string")
    return { where: manifest.document.positionOf(`resource.annotations.${generateAnnotation}`), message: bytes };
  if (bytes === undefined || (exists && (await hasVersions(client, path)))) return step;
  const run = async (): Promise<void> => {
    await step.run();
    await addGenerated(client, path, bytes);
  };
  return { manifest, action: exists ? "updated" : "created", run };
}

/** Whether a resource can be brought to what the file says. */
export function isStep(planned: Step | FileFault): planned is Step {
  return "action" in planned;
}
