import type { JsonObject } from "#base/json.ts";
import { regions, zones } from "#model/compute/locations.ts";
import type { Command } from "../command.ts";
import type { Call, Verb } from "./context.ts";
import { invalid, notFound } from "./faults.ts";
import { computeLink, pathOf } from "./names.ts";
import { pageOf, type Listed } from "./page.ts";

/**
 * What Google has and a mesh has no use for, answered from fixed data because its clients ask: zones, regions, the project, the default
 * network, and images by family.
 */
export interface Place {
  /** `""` is the project itself. */
  readonly scopes: readonly ("" | "global" | "zone" | "region" | "location")[];
  readonly verbs: ReadonlyMap<string, Verb>;
}

const created = "1970-01-01T00:00:00.000Z";

export const places: ReadonlyMap<string, Place> = new Map<string, Place>([
  ["projects", { scopes: [""], verbs: new Map([["get", reading("resource", project)]]) }],
  ["zones", { scopes: [""], verbs: listed("compute#zone", (call) => zones.map(({ name }) => zone(call, name)), zone) }],
  ["regions", { scopes: [""], verbs: listed("compute#region", (call) => regions.map((name) => region(call, name)), region) }],
  ["networks", { scopes: ["global"], verbs: listed("compute#network", (call) => [network(call, "default")], network) }],
  ["images", { scopes: ["global"], verbs: new Map([["getFromFamily", reading("resource", image)]]) }],
  [
    "locations",
    {
      scopes: [""],
      verbs: new Map([
        ["list", reading("collection", locations)],
        ["get", reading("resource", location)],
      ]),
    },
  ],
]);

function reading(on: Verb["on"], answer: (call: Call) => JsonObject): Verb {
  return { method: "GET", on, mutates: false, run: (call) => ({ answer: answer(call) }) };
}

/** `get` and `list` of a collection whose items are made from their names. */
function listed(kind: string, all: (call: Call) => JsonObject[], one: (call: Call, name: string) => JsonObject): ReadonlyMap<string, Verb> {
  return new Map([
    ["get", reading("resource", (call) => one(call, call.command.name ?? ""))],
    ["list", reading("collection", (call) => list(call, `${kind}List`, all(call)))],
  ]);
}

function list(call: Call, kind: string, all: readonly JsonObject[]): JsonObject {
  const { project, scope, collection, query } = call.command;
  const path = scope === "" ? collection : `${scope}/${collection}`;
  const page = pageOf(
    all.map((body, index): Listed => ({ key: String(index).padStart(4, "0"), body })),
    query,
    "maxResults",
  );
  return {
    kind,
    id: pathOf(project, path),
    items: page.items.map(({ body }) => body),
    selfLink: computeLink(project, path),
    ...(page.nextPageToken === undefined ? {} : { nextPageToken: page.nextPageToken }),
  };
}

function project({ command }: Call): JsonObject {
  return {
    kind: "compute#project",
    id: "1",
    name: command.project,
    creationTimestamp: created,
    selfLink: `https://www.googleapis.com/compute/v1/projects/${command.project}`,
  };
}

/** Zones are names only, so that any well-formed one is there. */
function zone({ command }: Call, name: string): JsonObject {
  if (!isZone(name)) throw notFound(command.project, `zones/${name}`);
  return {
    kind: "compute#zone",
    id: String(2000 + zones.findIndex((known) => known.name === name) + 1),
    name,
    description: name,
    status: "UP",
    region: computeLink(command.project, `regions/${name.replace(/-[a-z]$/, "")}`),
    creationTimestamp: created,
    selfLink: computeLink(command.project, `zones/${name}`),
  };
}

function region({ command }: Call, name: string): JsonObject {
  if (!isRegion(name)) throw notFound(command.project, `regions/${name}`);
  return {
    kind: "compute#region",
    id: String(1000 + regions.indexOf(name) + 1),
    name,
    description: name,
    status: "UP",
    zones: zones.filter((known) => known.region === name).map((known) => computeLink(command.project, `zones/${known.name}`)),
    creationTimestamp: created,
    selfLink: computeLink(command.project, `regions/${name}`),
  };
}

function network({ command }: Call, name: string): JsonObject {
  if (name !== "default") throw notFound(command.project, `global/networks/${name}`);
  return {
    kind: "compute#network",
    id: "3001",
    name,
    autoCreateSubnetworks: true,
    routingConfig: { routingMode: "REGIONAL" },
    creationTimestamp: created,
    selfLink: computeLink(command.project, "global/networks/default"),
  };
}

/** gcloud asks for the newest image of a family before it makes a template. What a VM boots is not the mesh's to say: any family has one. */
function image({ command }: Call): JsonObject {
  const family = command.name ?? "";
  return {
    kind: "compute#image",
    id: "4001",
    name: family,
    family,
    status: "READY",
    diskSizeGb: "10",
    creationTimestamp: created,
    selfLink: computeLink(command.project, `global/images/${family}`),
  };
}

function locations({ command }: Call): JsonObject {
  return { locations: ["global", ...regions].map((id) => ({ name: `projects/${command.project}/locations/${id}`, locationId: id })) };
}

function location({ command }: Call): JsonObject {
  const id = command.name ?? "";
  if (id !== "global" && !isRegion(id)) throw notFound(command.project, `locations/${id}`);
  return { name: `projects/${command.project}/locations/${id}`, locationId: id };
}

function isZone(name: string): boolean {
  return /^[a-z]+-[a-z]+\d{1,2}-[a-z]$/.test(name);
}

function isRegion(name: string): boolean {
  return /^[a-z]+-[a-z]+\d{1,2}$/.test(name);
}

/** Refuses a place whose name no place can have, in Google's words. Lists of `/v1` take `-` for every location. */
export function checkScope({ scope, verb }: Pick<Command, "scope" | "verb">): void {
  const [kind, name = ""] = scope.split("/");
  if (scope === "locations/-" && verb === "list") return;
  if (kind === "zones" && !isZone(name)) throw invalid("zone", name, "Unknown zone.");
  if (kind === "regions" && !isRegion(name)) throw invalid("region", name, "Unknown region.");
  if (kind === "locations" && name !== "global" && !isRegion(name)) throw invalid("location", name, "Unknown location.");
}
