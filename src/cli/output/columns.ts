/** What `get` shows of each kind in its table. */
import type { JsonObject } from "#base/json.ts";
import type { Kind } from "#model/kind.ts";
import type { Found } from "../resources/find.ts";
import { portsOf } from "../resources/groups.ts";
import { objectOf, objectsOf, shortName, textOf, textsOf } from "./fields.ts";
import { type Cell, state, table } from "./table.ts";

type Column = readonly [head: string, cell: (resource: JsonObject) => Cell];

const columns: Readonly<Record<string, readonly Column[]>> = {
  secrets: [["CREATED", (one) => textOf(one["createTime"])]],
  healthChecks: [
    ["TYPE", (one) => textOf(one["type"])],
    ["INTERVAL", (one) => seconds(one["checkIntervalSec"])],
    ["TIMEOUT", (one) => seconds(one["timeoutSec"])],
  ],
  instanceTemplates: [["MACHINE TYPE", (one) => textOf(objectOf(one["properties"])["machineType"])]],
  instances: [
    ["ADDRESS", (one) => textOf(objectsOf(one["networkInterfaces"])[0]?.["networkIP"])],
    ["STATUS", (one) => state(textOf(one["status"]))],
  ],
  instanceGroups: [
    ["SIZE", (one) => textOf(one["size"])],
    ["PORTS", (one) => portsOf({ resource: one })],
  ],
  instanceGroupManagers: [
    ["TARGET SIZE", (one) => textOf(one["targetSize"])],
    ["STATE", (one) => state(objectOf(one["status"])["isStable"] === true ? "stable" : "changing")],
    ["TEMPLATE", (one) => shortName(one["instanceTemplate"])],
  ],
  autoscalers: [
    ["GROUP", (one) => shortName(one["target"])],
    ["MODE", (one) => textOf(objectOf(one["autoscalingPolicy"])["mode"])],
    ["MIN", (one) => textOf(objectOf(one["autoscalingPolicy"])["minNumReplicas"])],
    ["MAX", (one) => textOf(objectOf(one["autoscalingPolicy"])["maxNumReplicas"])],
    ["RECOMMENDED", (one) => textOf(one["recommendedSize"])],
    ["STATE", (one) => state(textOf(one["status"]))],
  ],
  networkEndpointGroups: [
    ["TYPE", (one) => textOf(one["networkEndpointType"])],
    ["SIZE", (one) => textOf(one["size"])],
  ],
  backendServices: [
    ["PROTOCOL", (one) => textOf(one["protocol"])],
    ["SCHEME", (one) => textOf(one["loadBalancingScheme"])],
    ["BACKENDS", (one) => list(objectsOf(one["backends"]).map((backend) => shortName(backend["group"]) ?? "?"))],
  ],
  urlMaps: [
    ["HOSTS", (one) => list(objectsOf(one["hostRules"]).flatMap((rule) => textsOf(rule["hosts"])))],
    ["DEFAULT", (one) => shortName(one["defaultService"])],
    ["TESTS", (one) => objectsOf(one["tests"]).length],
  ],
  targetHttpProxies: [["URL MAP", (one) => shortName(one["urlMap"])]],
  targetGrpcProxies: [["URL MAP", (one) => shortName(one["urlMap"])]],
  forwardingRules: [
    ["SCHEME", (one) => textOf(one["loadBalancingScheme"])],
    ["ADDRESS", (one) => textOf(one["IPAddress"])],
    ["PORTS", (one) => textOf(one["portRange"])],
    ["TARGET", (one) => shortName(one["target"])],
  ],
  meshSettings: [["SAMPLING", (one) => textOf(objectOf(one["tracing"])["samplingRatio"])]],
  trafficPolicies: [["TARGET", (one) => textOf(one["target"])]],
  httpRoutes: routeColumns(),
  grpcRoutes: routeColumns(),
};

function routeColumns(): readonly Column[] {
  return [
    ["HOSTS", (one) => list(textsOf(one["hostnames"]))],
    ["MESHES", (one) => list([...textsOf(one["meshes"]), ...textsOf(one["gateways"])].map((path) => shortName(path) ?? "?"))],
    ["RULES", (one) => objectsOf(one["rules"]).length],
  ];
}

/** Name, place where the kind has several, and what its kind is looked at for. */
export function resourceTable(kind: Kind, found: readonly Found[]): string {
  const own = columns[kind.collection] ?? [];
  const rows = found.map(({ name, key, resource }) => [name, placeOf(kind, key), ...own.map(([, cell]) => cell(resource))]);
  return table(["NAME", "PLACE", ...own.map(([head]) => head)], rows);
}

function placeOf(kind: Kind, key: string): Cell {
  return kind.scopes.includes("zone") || kind.scopes.includes("region") ? key.split("/").at(-3) : undefined;
}

function seconds(value: JsonObject[string] | undefined): Cell {
  const text = textOf(value);
  return text === undefined ? undefined : `${text}s`;
}

/** The first few, and how many more. */
function list(items: readonly string[]): string {
  return items.length > 4 ? `${items.slice(0, 3).join(",")} +${items.length - 3}` : items.join(",");
}
