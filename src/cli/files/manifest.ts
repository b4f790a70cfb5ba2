/** Documents as resources: which kind, where in the project, and what is asked for. */
import type { Fault } from "#base/errors.ts";
import type { Json, JsonObject } from "#base/json.ts";
import { conform } from "#model/conform.ts";
import type { Kind, ScopeKind } from "#model/kind.ts";
import { kindNamed, kindOfPath, kinds } from "#model/kinds.ts";
import { CommandError } from "../exit.ts";
import { asGiven } from "./as-given.ts";
import { type Document, type FileFault, parseSource } from "./document.ts";
import { readSources, type Source } from "./sources.ts";

/** A resource that a file asks for. */
export interface Manifest {
  readonly kind: Kind;
  /** `zones/z/instanceGroups/g`, as in paths of the API. */
  readonly key: string;
  readonly name: string;
  /** With Google's field names, without what the server owns; the name is in it where the API takes it in the body. */
  readonly body: JsonObject;
  /** For messages. */
  readonly document: Document;
}

export interface ReadManifests {
  /** In the order in which they can be created. */
  readonly manifests: Manifest[];
  readonly faults: FileFault[];
}

/** Reads files, folders and standard input. Throws `CommandError` with all faults, one a line, when there is any. */
export async function manifestsOf(paths: readonly string[], defaultKind?: Kind): Promise<Manifest[]> {
  const { manifests, faults } = readManifests(await readSources(paths), defaultKind);
  if (faults.length > 0) throw new CommandError(textOf(faults));
  return manifests;
}

/** One line a fault: `file:line:col: message`. */
export function textOf(faults: readonly FileFault[]): string {
  return faults.map(({ where, message }) => `${where}: ${message}`).join("\n");
}

/**
 * Recognises every document by its `kind`, else by a `selfLink` or `name` that is a path, else as `defaultKind`, and holds it against the
 * kind's names, types and rules. All faults of all sources come at once.
 */
export function readManifests(sources: readonly Source[], defaultKind?: Kind): ReadManifests {
  const faults: FileFault[] = [];
  const manifests = new Map<string, Manifest>();
  for (const source of sources) {
    const parsed = parseSource(source);
    faults.push(...parsed.faults);
    for (const document of parsed.documents) {
      const read = readDocument(document, defaultKind);
      faults.push(...read.faults);
      const { manifest } = read;
      const first = manifest && manifests.get(manifest.key);
      if (first)
        faults.push({ where: document.positionOf(), message: `${first.key} is defined twice; first at ${first.document.positionOf()}` });
      else if (manifest) manifests.set(manifest.key, manifest);
    }
  }
  return { manifests: inOrder([...manifests.values()].filter(({ key }) => !manifests.has(managerOf(key)))), faults };
}

/** Google exports the group of a manager as a resource of its own; it comes and goes with the manager, whose key this is. */
function managerOf(key: string): string {
  return key.includes("/instanceGroups/") ? key.replace("/instanceGroups/", "/instanceGroupManagers/") : "";
}

/** A kind refers only to kinds before it in the table, so that its order serves for all references. */
function inOrder(manifests: readonly Manifest[]): Manifest[] {
  return manifests.toSorted((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind));
}

function readDocument(document: Document, defaultKind: Kind | undefined): { manifest?: Manifest; faults: FileFault[] } {
  const faults: FileFault[] = [];
  const fault = (field: string, message: string): void => void faults.push({ where: document.positionOf(`resource.${field}`), message });
  const kind = kindOf(document.value, defaultKind, fault);
  const name = kind && nameOf(document.value, fault);
  const scope = kind && scopeOf(kind, document.value, fault);
  if (kind === undefined || name === undefined || scope === undefined) return { faults };
  const { value, faults: wrong } = conformed(kind, document.value);
  const named = { name, ...value };
  const all: Fault[] = wrong.length > 0 ? wrong : kind.check(kind.defaults(named));
  faults.push(...all.map((one) => ({ where: document.positionOf(one.field), message: one.message })));
  const key = `${scope === "" ? "" : `${scope}/`}${kind.collection}/${name}`;
  return { manifest: { kind, key, name, body: isNamedInBody(kind) ? named : value, document }, faults };
}

/** Whether the API takes the name in the body; otherwise it is a parameter. */
function isNamedInBody({ api }: Kind): boolean {
  return api === "compute" || api === "wayside";
}

type Report = (field: string, message: string) => void;

function kindOf(value: JsonObject, defaultKind: Kind | undefined, fault: Report): Kind | undefined {
  const { kind, selfLink, name } = value;
  if (kind !== undefined) {
    const found = typeof kind === "string" ? kindNamed(kind) : undefined;
    if (found === undefined) fault("kind", `unknown kind ${JSON.stringify(kind)}${likeness(kind)}`);
    return found;
  }
  const path = [selfLink, name].find((text): text is string => typeof text === "string" && text.includes("/"));
  const found = (path === undefined ? undefined : kindOfPath(path)) ?? defaultKind;
  if (found === undefined) fault("name", "cannot tell what this is: give it a kind, such as `kind: compute#urlMap`, or pass --kind");
  return found;
}

/** Kinds whose name is part of what was written, or the other way round. */
function likeness(kind: Json): string {
  const word = typeof kind === "string" ? (kind.split("#").at(-1) ?? "").toLowerCase() : "";
  const like = kinds.filter(
    ({ singular }) => word !== "" && (singular.toLowerCase().includes(word) || word.includes(singular.toLowerCase())),
  );
  const shown = like.length > 0 ? like : kinds;
  return `; ${like.length > 0 ? "did you mean" : "there are"} ${shown.map((one) => one.kind).join(", ")}${like.length > 0 ? "?" : ""}`;
}

function nameOf({ name, selfLink }: JsonObject, fault: Report): string | undefined {
  const text = name ?? selfLink;
  const last = typeof text === "string" ? text.split("/").at(-1) : undefined;
  if (last !== undefined && last !== "") return last;
  fault("name", text === undefined ? "a resource needs a name" : `a name is text, not ${JSON.stringify(text)}`);
  return undefined;
}

const scopeFields = { zone: "zones", region: "regions" } as const;

/** From `zone` or `region`, else from the path in `selfLink` or `name`, else the kind's only one. */
function scopeOf(kind: Kind, value: JsonObject, fault: Report): string | undefined {
  for (const field of ["zone", "region"] as const) {
    const text = value[field];
    if (text === undefined || kind.api !== "compute") continue;
    const place = typeof text === "string" ? text.split("/").at(-1) : undefined;
    if (place === undefined || place === "") fault(field, `a ${field} is a name or a URL, not ${JSON.stringify(text)}`);
    else if (!kind.scopes.includes(field)) fault(field, `${kind.singular} has no ${field}; it is ${kind.scopes.join(" or ")}`);
    else return `${scopeFields[field]}/${place}`;
    return undefined;
  }
  const path = [value["selfLink"], value["name"]].find((text): text is string => typeof text === "string" && text.includes("/"));
  const inPath = /(?:^|\/)((?:zones|regions|locations)\/[^/]+|global)\/[^/]+\/[^/]+$/.exec(path ?? "")?.[1];
  const scope = inPath ?? defaultScope(kind.scopes);
  if (scope === undefined) fault("zone", `${kind.singular} needs a zone, such as \`zone: us-central1-a\``);
  return scope;
}

function defaultScope(scopes: readonly ScopeKind[]): string | undefined {
  if (scopes.includes("project")) return "";
  if (scopes.includes("global")) return "global";
  return scopes.includes("location") ? "locations/global" : undefined;
}

/** What the server owns on every resource, whatever its kind lists. */
const alwaysOwned: readonly string[] = ["kind", "id", "selfLink", "creationTimestamp", "fingerprint", "labelFingerprint"];

/** A resource with Google's field names and without its name, place and what the server owns or calculated. */
export function conformed(kind: Kind, resource: JsonObject): { readonly value: JsonObject; readonly faults: Fault[] } {
  const owned = new Set([...alwaysOwned, ...kind.outputOnly, "name"]);
  const given = kind.api === "compute" ? new Set([...owned, "zone", "region"]) : owned;
  const { value, faults } = conform(kind.message, without(resource, given));
  return { value: asGiven(kind, without(value, given)), faults };
}

function without(object: JsonObject, names: ReadonlySet<string>): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !names.has(key)));
}
