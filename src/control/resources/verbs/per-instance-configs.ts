import { isJsonObject, type Json, type JsonObject } from "#base/json.ts";
import { conform } from "#model/conform.ts";
import type { StoredResource } from "../../store/store.ts";
import type { Call, Result, Verb } from "../context.ts";
import { groupKeyOfManager } from "../derived.ts";
import { refuse } from "../draft.ts";
import { invalid, required } from "../faults.ts";
import { requireFingerprint } from "../fingerprint.ts";
import { configFingerprint, configStates, putConfigs, type InstanceConfigState } from "../instance-configs.ts";
import { namesToCome } from "../intents.ts";
import { mergePatch } from "../merge.ts";
import { pathOf } from "../names.ts";
import { pageOf } from "../page.ts";
import { canonicalNames } from "../patch-names.ts";
import { changeable, existing } from "../standard.ts";

/** Per-instance configs of a manager. A change reaches an instance when it is made again, or by `applyUpdatesToInstances` (Google). */
export const perInstanceConfigVerbs: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  ["listPerInstanceConfigs", { method: "POST", on: "resource", mutates: false, run: list }],
  ["patchPerInstanceConfigs", { method: "POST", on: "resource", mutates: true, run: (call) => write(call, patched) }],
  ["updatePerInstanceConfigs", { method: "POST", on: "resource", mutates: true, run: (call) => write(call, (_present, item) => item) }],
  ["deletePerInstanceConfigs", { method: "POST", on: "resource", mutates: true, run: remove }],
]);

const message = "PerInstanceConfig";

function list(call: Call): Result {
  const manager = existing(call);
  const listed = [...configStates(call, manager)].map(([key, state]) => ({ key, body: shown(manager, key, state) }));
  const page = pageOf(listed, call.command.query, "maxResults");
  return {
    answer: {
      items: page.items.map(({ body }) => body),
      ...(page.nextPageToken === undefined ? {} : { nextPageToken: page.nextPageToken }),
    },
  };
}

function shown(manager: StoredResource, name: string, { config, applied, status }: InstanceConfigState): JsonObject {
  const preservedState = config.deleted ? applied?.preservedState : config.preservedState;
  return { name, ...(preservedState && { preservedState }), status, fingerprint: configFingerprint(manager, config) };
}

/** An item of a request, with Google's names for its fields. */
interface Item {
  readonly name: string;
  readonly given: JsonObject;
  /** Where it stands. */
  readonly field: string;
}

/** The items of a list in the body, each for an instance of its own. Throws `UserError` where there is none. */
export function configItems({ command }: Call, lists: readonly [name: string, otherSpelling?: string]): Item[] {
  const [list] = lists;
  const body = isJsonObject(command.body) ? command.body : {};
  const found = lists.map((spelling) => (spelling === undefined ? undefined : body[spelling])).find((value) => value !== undefined);
  const given = Array.isArray(found) ? found : found === undefined || found === null ? [] : [found];
  if (given.length === 0) throw required(list);
  const names = new Set<string>();
  return given.map((one: Json, index) => {
    const field = `${list}[${index}]`;
    const item = canonicalNames(message, one);
    if (!isJsonObject(item)) throw invalid(field, one, "An object is expected.");
    return { name: nameFrom(item["name"], `${field}.name`, names), given: item, field };
  });
}

/** A name that is not among `taken`, and is from here on. */
function nameFrom(value: Json | undefined, field: string, taken: Set<string>): string {
  if (typeof value !== "string" || value === "") throw required(field);
  if (taken.has(value)) throw invalid(field, value, "The instance is named more than once.");
  taken.add(value);
  return value;
}

/** What an item asks to preserve; undefined where it says nothing of it. Throws `UserError` for what is no `PerInstanceConfig`. */
export function preservedIn(given: JsonObject, field: string): JsonObject | undefined {
  const { value, faults } = conform(message, given, field);
  refuse(faults);
  return isJsonObject(value["preservedState"]) ? value["preservedState"] : undefined;
}

/** Inserts a config where there is none; `changed` makes the one that is to be of the one that is there. */
function write(call: Call, changed: (present: JsonObject, given: JsonObject) => JsonObject): Result {
  const manager = changeable(call);
  const states = configStates(call, manager);
  const known = new Set([...reportedNames(call, manager), ...namesToCome(call, manager)]);
  const wanted = configItems(call, ["perInstanceConfigs", "per_instance_configs"]).map(({ name, given, field }): [string, JsonObject] => {
    if (!known.has(name)) throw invalid(`${field}.name`, name, notManaged(call, manager));
    const present = presentOf(states.get(name));
    if (present) requireFingerprint(given["fingerprint"], configFingerprint(manager, present), `${field}.fingerprint`);
    return [name, preservedIn(changed({ preservedState: present?.preservedState ?? {} }, given), field) ?? {}];
  });
  return { target: manager.key, changes: putConfigs(call, manager, new Map(wanted)) };
}

/** Merging two objects gives an object. */
function patched(present: JsonObject, given: JsonObject): JsonObject {
  return mergePatch(present, given) as JsonObject;
}

function remove(call: Call): Result {
  const manager = changeable(call);
  const states = configStates(call, manager);
  const { body } = call.command;
  const given = isJsonObject(body) ? (body["names"] ?? []) : [];
  const list = Array.isArray(given) ? given : [given];
  if (list.length === 0) throw required("names");
  const taken = new Set<string>();
  for (const [index, value] of list.entries()) {
    const name = nameFrom(value, `names[${index}]`, taken);
    if (presentOf(states.get(name))) continue;
    const path = pathOf(call.command.project, manager.key);
    throw invalid(`names[${index}]`, name, `There is no per-instance config for it in Instance Group Manager '${path}'.`);
  }
  return { target: manager.key, changes: putConfigs(call, manager, new Map([...taken].map((name) => [name, undefined]))) };
}

function presentOf(state: InstanceConfigState | undefined): InstanceConfigState["config"] | undefined {
  return state?.config.deleted ? undefined : state?.config;
}

function reportedNames(call: Call, manager: StoredResource): string[] {
  return (call.context.store.groupReport(groupKeyOfManager(manager.key))?.instances ?? []).map(({ name }) => name);
}

export function notManaged({ command }: Call, manager: StoredResource): string {
  return `It is not managed by Instance Group Manager '${pathOf(command.project, manager.key)}'.`;
}
