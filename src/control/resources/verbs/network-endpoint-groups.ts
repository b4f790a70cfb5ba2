import { UserError } from "#base/errors.ts";
import { canonicalJson, isJsonObject, type Json, type JsonObject } from "#base/json.ts";
import { endpointsKey, type AttachedEndpoint } from "#control/compiler/membership.ts";
import { shortName } from "#control/compiler/references.ts";
import { networkEndpointGroups } from "#model/compute/network-endpoint-groups.ts";
import { conform } from "#model/conform.ts";
import type { StoredResource } from "../../store/store.ts";
import { addressRefusal, hostRefusal } from "../addresses.ts";
import { endpointHealth } from "../backend-health.ts";
import type { Call, Result, Verb } from "../context.ts";
import { lookUp } from "../derived.ts";
import { refuse } from "../draft.ts";
import { invalid, notFound, required } from "../faults.ts";
import { endpointsOf, putEndpoints } from "../membership.ts";
import { computeLink, keyOf, pathOf, scopeOf } from "../names.ts";
import { pageOf } from "../page.ts";
import { changeable, existing } from "../standard.ts";
import { addressOf } from "./instance-groups.ts";

/** Verbs of network endpoint groups beyond the standard ones. */
export const endpointGroupVerbs: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  ["attachNetworkEndpoints", { method: "POST", on: "resource", mutates: true, run: attach }],
  ["detachNetworkEndpoints", { method: "POST", on: "resource", mutates: true, run: detach }],
  ["listNetworkEndpoints", { method: "POST", on: "resource", mutates: false, run: list }],
]);

/** Google's limits, for one request and for one group. */
const mostAtOnce = 500;
const mostEndpoints = 10_000;

/** Attaching what is attached already changes nothing. */
function attach(call: Call): Result {
  const group = changeable(call);
  const key = endpointsKey(scopeOf(group.key), group.name);
  const attached = endpointsOf(call, key);
  const given = endpointsIn(call, group).map((endpoint, index) => checked(call, group, { endpoint, index }));
  const all = new Map(attached.map((endpoint) => [identity(endpoint), endpoint]));
  for (const endpoint of given) if (!all.has(identity(endpoint))) all.set(identity(endpoint), endpoint);
  if (all.size > mostEndpoints) {
    throw invalid("networkEndpoints", `${all.size} endpoints`, `A network endpoint group has at most ${mostEndpoints}.`);
  }
  const changes = all.size === attached.length ? [] : putEndpoints(call, key, [...all.values()]);
  return { target: group.key, changes };
}

function detach(call: Call): Result {
  const group = changeable(call);
  const { project } = call.command;
  const key = endpointsKey(scopeOf(group.key), group.name);
  const attached = endpointsOf(call, key);
  const given = endpointsIn(call, group);
  const unknown = given.find((endpoint) => !attached.some((other) => names(endpoint, other)));
  if (unknown) {
    throw new UserError({
      code: "invalid",
      message: `The network endpoint '${JSON.stringify(unknown)}' is not attached to '${pathOf(project, group.key)}'.`,
    });
  }
  const kept = attached.filter((endpoint) => !given.some((other) => names(other, endpoint)));
  const changes = kept.length === attached.length ? [] : putEndpoints(call, key, kept);
  return { target: group.key, changes };
}

/** The endpoints of the body, instances by their short names and ports filled in from the group. */
function endpointsIn({ command }: Call, group: StoredResource): AttachedEndpoint[] {
  const { body } = command;
  const list = isJsonObject(body) ? (body["networkEndpoints"] ?? body["network_endpoints"]) : undefined;
  if (list === undefined || list === null) throw required("networkEndpoints");
  if (Array.isArray(list) && list.length > mostAtOnce) {
    throw invalid("networkEndpoints", `${list.length} endpoints`, `At most ${mostAtOnce} are taken in one request.`);
  }
  return (Array.isArray(list) ? list : [list]).map((item: Json, index) => {
    const { value, faults } = conform("NetworkEndpoint", item, `networkEndpoints[${index}]`);
    refuse(faults);
    return endpointFrom(value, group);
  });
}

function endpointFrom(value: JsonObject, group: StoredResource): AttachedEndpoint {
  const port = value["port"] ?? networkEndpointGroups.read(group.resource).defaultPort;
  const text = (field: string): string | undefined => (typeof value[field] === "string" && value[field] !== "" ? value[field] : undefined);
  const instance = text("instance");
  const ipAddress = text("ipAddress");
  const fqdn = text("fqdn");
  const annotations = value["annotations"];
  return {
    ...(instance === undefined ? {} : { instance: shortName(instance) }),
    ...(ipAddress === undefined ? {} : { ipAddress }),
    ...(fqdn === undefined ? {} : { fqdn }),
    ...(port === undefined ? {} : { port: Number(port) }),
    // Read as a map of text by `conform`.
    ...(isJsonObject(annotations) ? { annotations: annotations as Record<string, string> } : {}),
  };
}

interface Given {
  readonly endpoint: AttachedEndpoint;
  readonly index: number;
}

/** What each type of group needs of an endpoint, and that nothing is attached that may not be reached. */
function checked(call: Call, group: StoredResource, { endpoint, index }: Given): AttachedEndpoint {
  const field = `networkEndpoints[${index}]`;
  const { networkEndpointType: type = "" } = networkEndpointGroups.read(group.resource);
  const { loopbackAllowed } = call.context;
  const located = type.startsWith("GCE_VM_IP") ? ofInstance(call, group, { endpoint, index }) : endpoint;
  if (type === "INTERNET_FQDN_PORT" && located.fqdn === undefined) throw required(`${field}.fqdn`);
  if (type !== "INTERNET_FQDN_PORT" && located.ipAddress === undefined) throw required(`${field}.ipAddress`);
  if (located.port === undefined && type !== "GCE_VM_IP") throw required(`${field}.port`);
  if (located.port !== undefined && (located.port < 1 || located.port > 65_535)) {
    throw invalid(`${field}.port`, String(located.port), "It must be a port number, 1 to 65535.");
  }
  const refusals: [name: string, value: string | undefined, why: string | undefined][] = [
    ["ipAddress", located.ipAddress, located.ipAddress && addressRefusal(located.ipAddress, loopbackAllowed)],
    ["fqdn", located.fqdn, located.fqdn && hostRefusal(located.fqdn, loopbackAllowed)],
  ];
  for (const [name, value, why] of refusals) if (why) throw invalid(`${field}.${name}`, value, why);
  return located;
}

/** An endpoint on a VM has the VM's address, also where it is left out. */
function ofInstance({ command, context }: Call, group: StoredResource, { endpoint, index }: Given): AttachedEndpoint {
  if (endpoint.instance === undefined) throw required(`networkEndpoints[${index}].instance`);
  const key = keyOf(scopeOf(group.key), "instances", endpoint.instance);
  const instance = lookUp(context.store, command.project, key);
  if (!instance) throw notFound(command.project, key);
  const address = addressOf(instance);
  if (endpoint.ipAddress !== undefined && endpoint.ipAddress !== address) {
    throw invalid(`networkEndpoints[${index}].ipAddress`, endpoint.ipAddress, `It must be an address of the instance, '${address ?? ""}'.`);
  }
  return address === undefined ? endpoint : { ...endpoint, ipAddress: address };
}

/** What makes two endpoints the same one. */
function identity({ annotations: _annotations, ...rest }: AttachedEndpoint): string {
  return canonicalJson(rest);
}

/** Whether what was named for detaching means this endpoint: everything given must agree. */
function names(given: AttachedEndpoint, endpoint: AttachedEndpoint): boolean {
  return (["instance", "ipAddress", "fqdn", "port"] as const).every(
    (field) => given[field] === undefined || given[field] === endpoint[field],
  );
}

/** With `healthStatus: SHOW`, each endpoint with what the health checks of the backend services that use the group say. */
function list(call: Call): Result {
  const group = existing(call);
  const { body, project, query } = call.command;
  const show = isJsonObject(body) && body["healthStatus"] === "SHOW";
  const endpoints = endpointsOf(call, endpointsKey(scopeOf(group.key), group.name));
  const listed = endpoints.map((endpoint, index) => {
    const networkEndpoint = { ...endpoint, ...(endpoint.annotations ? { annotations: { ...endpoint.annotations } } : {}) };
    const item: JsonObject = { networkEndpoint, ...(show ? { healths: endpointHealth(call, group, endpoint) } : {}) };
    return { key: String(index).padStart(6, "0"), body: item };
  });
  const page = pageOf(listed, query, "maxResults");
  return {
    answer: {
      kind: "compute#networkEndpointGroupsListNetworkEndpoints",
      id: `${pathOf(project, group.key)}/listNetworkEndpoints`,
      items: page.items.map((item) => item.body),
      selfLink: `${computeLink(project, group.key)}/listNetworkEndpoints`,
      ...(page.nextPageToken === undefined ? {} : { nextPageToken: page.nextPageToken }),
    },
  };
}
