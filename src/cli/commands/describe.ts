/** `wayside describe`: a resource with what belongs to it: instances of a group, health of a backend service, versions of a secret. */
import type { JsonObject } from "#base/json.ts";
import { instanceGroupManagers } from "#model/compute/instance-group-managers.ts";
import type { Kind } from "#model/kind.ts";
import { type ApiOptions, clientOf, type PlaceOptions } from "../options.ts";
import { objectOf, objectsOf, shortName, textOf } from "../output/fields.ts";
import { print, yamlOf } from "../output/print.ts";
import { state, table } from "../output/table.ts";
import { findOne, type Found, only, type Search } from "../resources/find.ts";
import { allGroups, type Group, groupJson } from "../resources/groups.ts";
import { instanceTable } from "../resources/instances.ts";
import { groups, kindOfWord } from "../resources/kind-words.ts";
import { projectPath, resourcePath } from "../resources/paths.ts";
import { versionsOf, versionTable } from "../resources/secret-versions.ts";

export type DescribeOptions = ApiOptions & PlaceOptions;

/** A part of the answer beyond the resource itself. */
interface Section {
  /** Name of its field in JSON and YAML. */
  readonly field: string;
  readonly title: string;
  readonly value: JsonObject[];
  readonly table: string;
}

export async function run({ kind, name }: { kind: string; name: string }, options: DescribeOptions): Promise<void> {
  const search = { ...options, client: clientOf(options) };
  const meant = kindOfWord(kind);
  const isGroup = meant === groups || meant.collection === "instanceGroupManagers" || meant.collection === "instanceGroups";
  if (isGroup) return describeGroup(search, name, options);
  const found = await findOne(search, meant, name);
  const section = await sections[meant.collection]?.(search, meant, found);
  const value = section ? { ...found.resource, [section.field]: section.value } : found.resource;
  print(options.output, value, () => forPeople(found) + (section ? `\n${section.title}\n${section.table}` : ""));
}

async function describeGroup(search: Search, name: string, { output }: DescribeOptions): Promise<void> {
  const group = only(await allGroups(search), name, "group");
  const errors = await errorsOf(search, group);
  const lines = errors.length === 0 ? "" : `\nErrors\n${errors.map((error) => `${error}\n`).join("")}`;
  const { servingState, lastBatch } = await ownFacts(search, group);
  const own = { ...(servingState !== undefined && { servingState }), ...(lastBatch !== undefined && { lastBatch }) };
  const value = { ...groupJson(group), ...own, ...(errors.length > 0 && { errors }) };
  const shown = { ...group, resource: { ...group.resource, ...own } };
  print(output, value, () => `${forPeople(shown)}\nInstances\n${instanceTable(group.instances)}${lines}`);
}

/** What only our own API says of a group. */
async function ownFacts({ client, project }: Search, { key }: Group): Promise<JsonObject> {
  const rows = await client.list(`${projectPath("wayside", project)}/groups`, "groups");
  return rows.find(({ groupKey }) => groupKey === key.replace("/instanceGroupManagers/", "/instanceGroups/")) ?? {};
}

/** What went wrong with instances of a managed group, and what its update waits for. */
async function errorsOf({ client, project }: Search, { isManaged, key }: Group): Promise<string[]> {
  if (!isManaged) return [];
  const answer = await client.call("GET", `${resourcePath(instanceGroupManagers, project, key)}/listErrors`);
  return objectsOf(answer["items"]).map(({ error, instanceActionDetails }) => {
    const instance = shortName(objectOf(instanceActionDetails)["instance"]);
    const text = textOf(objectOf(error)["message"]) ?? "";
    return instance === undefined ? text : `${instance}: ${text}`;
  });
}

/** What only programs read, or what the tables below say better; `-o yaml` has all of it. */
const machinery: ReadonlySet<string> = new Set(
  "kind id selfLink selfLinkWithId fingerprint labelFingerprint etag currentActions status instanceGroup versions size".split(" "),
);

function forPeople({ name, key, resource }: Found): string {
  const fields = Object.entries(resource).filter(
    ([field]) => field !== "name" && (!machinery.has(field) || isOwnVersions(field, resource)),
  );
  return yamlOf({ name, path: key, ...Object.fromEntries(fields) });
}

/** A manager's versions are shown where they say more than its one template. */
function isOwnVersions(field: string, { versions }: JsonObject): boolean {
  return field === "versions" && objectsOf(versions).length > 1;
}

const sections: Readonly<Record<string, (search: Search, kind: Kind, found: Found) => Promise<Section>>> = {
  backendServices: healthOf,
  secrets: async (search, _kind, { name }) => {
    const versions = await versionsOf(search, name);
    return { field: "versions", title: "Versions", value: versions, table: versionTable(versions) };
  },
};

async function healthOf({ client, project }: Search, kind: Kind, { key, resource }: Found): Promise<Section> {
  const path = `${resourcePath(kind, project, key)}/getHealth`;
  const backends = objectsOf(resource["backends"]).flatMap((backend) => textOf(backend["group"]) ?? []);
  const answers = await Promise.all(
    backends.map(async (group) =>
      objectsOf((await client.call("POST", path, { group }))["healthStatus"]).map((one) => ({ group, ...one })),
    ),
  );
  const value: JsonObject[] = answers.flat();
  const rows = value.map((one) => [
    shortName(one["instance"]) ?? textOf(one["fqdn"]),
    shortName(one["group"]),
    `${textOf(one["ipAddress"])}:${textOf(one["port"])}`,
    state(textOf(one["healthState"])),
  ]);
  return { field: "health", title: "Health", value, table: table(["INSTANCE", "GROUP", "ADDRESS", "HEALTH"], rows) };
}
