/**
 * Reads stored resources in one form. `conform` keeps what the user gave, so that a port may be stored as `"80"`; here it is the number 80,
 * a flag is a boolean, a 64-bit integer is text and base64 has the standard alphabet.
 */
import { isJsonObject, type Json, type JsonObject } from "#base/json.ts";
import { messageType, type FieldType, type Scalar, type ValueType } from "#model/catalogue.ts";
import type {
  BackendService,
  ForwardingRule,
  HealthCheck,
  HttpRoute,
  Instance,
  InstanceGroup,
  InstanceGroupManager,
  InstanceTemplate,
  MeshSettings,
  NetworkEndpointGroup,
  TargetHttpProxy,
  UrlMap,
} from "./resources.ts";
import type { ResourceView } from "./view.ts";

/** The collections that the compiler reads, and the part of their resources that it looks at. */
interface Readable {
  readonly backendServices: BackendService;
  readonly forwardingRules: ForwardingRule;
  readonly healthChecks: HealthCheck;
  readonly httpRoutes: HttpRoute;
  readonly instances: Instance;
  readonly instanceGroups: InstanceGroup;
  readonly instanceGroupManagers: InstanceGroupManager;
  readonly instanceTemplates: InstanceTemplate;
  readonly meshSettings: MeshSettings;
  readonly networkEndpointGroups: NetworkEndpointGroup;
  readonly targetHttpProxies: TargetHttpProxy;
  readonly urlMaps: UrlMap;
}

const messages: { readonly [Collection in keyof Readable]: string } = {
  backendServices: "BackendService",
  forwardingRules: "ForwardingRule",
  healthChecks: "HealthCheck",
  httpRoutes: "HttpRoute",
  instances: "Instance",
  instanceGroups: "InstanceGroup",
  instanceGroupManagers: "InstanceGroupManager",
  instanceTemplates: "InstanceTemplate",
  meshSettings: "MeshSettings",
  networkEndpointGroups: "NetworkEndpointGroup",
  targetHttpProxies: "TargetHttpProxy",
  urlMaps: "UrlMap",
};

/** By the stored object: stores hand out the same one until the resource changes, and a large URL map is read once for all its hosts. */
const known = new WeakMap<JsonObject, JsonObject>();

/** A resource by its key; undefined when there is none. */
export function read<Collection extends keyof Readable>(
  view: ResourceView,
  collection: Collection,
  key: string | undefined,
): Readable[Collection] | undefined {
  const resource = key === undefined ? undefined : view.get(key);
  return resource && readable(collection, resource);
}

/** A resource that is at hand. It has been through `conform`; nothing throws if it has not. */
export function readable<Collection extends keyof Readable>(collection: Collection, resource: JsonObject): Readable[Collection] {
  const made = known.get(resource) ?? readMessage(messages[collection], resource);
  known.set(resource, made);
  return made as Readable[Collection];
}

function readMessage(name: string, value: JsonObject): JsonObject {
  const message = messageType(name);
  const fields = Object.entries(value).map(([key, given]) => {
    const field = message?.field(key);
    return [key, field ? readField(field, given) : given] as const;
  });
  // fromEntries defines properties instead of assigning them: no key can reach a prototype.
  return Object.fromEntries(fields);
}

function readField({ repeat, type }: FieldType, value: Json): Json {
  if (repeat === "list" && Array.isArray(value)) return value.map((item) => readValue(type, item));
  if (repeat === "map" && isJsonObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, readValue(type, item)]));
  }
  return readValue(type, value);
}

function readValue(type: ValueType, value: Json): Json {
  if (type.kind === "message") return isJsonObject(value) ? readMessage(type.name, value) : value;
  return type.kind === "scalar" ? readScalar(type.scalar, value) : value;
}

function readScalar(scalar: Scalar, value: Json): Json {
  switch (scalar) {
    case "int32":
    case "uint32":
    case "float":
    case "double":
      return typeof value === "string" ? Number(value) : value;
    case "int64":
    case "uint64":
      return typeof value === "number" ? String(value) : value;
    case "bool":
      return value === true || value === "true";
    case "bytes":
      return typeof value === "string" ? standardBase64(value) : value;
    case "string":
    case "duration":
    case "timestamp":
      return value;
  }
}

/** Protobuf's JSON takes the URL alphabet and missing padding too. */
function standardBase64(text: string): string {
  const digits = text.replaceAll("-", "+").replaceAll("_", "/").replaceAll("=", "");
  return digits.padEnd(Math.ceil(digits.length / 4) * 4, "=");
}
