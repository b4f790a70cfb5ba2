/**
 * Writes `src/model/generated/compute-messages.ts`: the field names and types of Google's Compute v1 messages that our kinds and verbs
 * reach, read from the protobuf description that `@google-cloud/compute` carries. Run by hand when that package is raised:
 * `node scripts/generate-google-messages.ts`, or with `--print` to see the output. It is committed, so neither a build nor the Worker needs
 * the package.
 */
import { readFileSync, writeFileSync } from "node:fs";

interface ProtoField {
  readonly type: string;
  readonly rule?: "repeated";
  readonly keyType?: string;
}

interface ProtoMessage {
  readonly fields: Readonly<Record<string, ProtoField>>;
  readonly nested?: Readonly<Record<string, { readonly values?: Readonly<Record<string, number>> }>>;
}

/** Resources, and bodies of custom verbs. */
const roots = [
  "Autoscaler",
  "BackendService",
  "ForwardingRule",
  "HealthCheck",
  "Instance",
  "InstanceGroup",
  "InstanceGroupManager",
  "InstanceTemplate",
  "NetworkEndpointGroup",
  "TargetGrpcProxy",
  "TargetHttpProxy",
  "UrlMap",
  "CacheInvalidationRule",
  "GlobalNetworkEndpointGroupsAttachEndpointsRequest",
  "GlobalNetworkEndpointGroupsDetachEndpointsRequest",
  "GlobalSetLabelsRequest",
  "InstanceGroupManagersSetInstanceTemplateRequest",
  "InstanceGroupsAddInstancesRequest",
  "InstanceGroupsListInstancesRequest",
  "InstanceGroupsRemoveInstancesRequest",
  "InstanceGroupsSetNamedPortsRequest",
  "NetworkEndpointGroupsAttachEndpointsRequest",
  "NetworkEndpointGroupsDetachEndpointsRequest",
  "NetworkEndpointGroupsListEndpointsRequest",
  "PerInstanceConfig",
  "RegionUrlMapsValidateRequest",
  "ResourceGroupReference",
  "TargetReference",
  "UrlMapReference",
  "UrlMapsValidateRequest",
];

/** Enums that Google's description lists too narrowly: the reference pages allow values that it lacks. */
const freeText = new Set(["UrlMapsValidateRequest.loadBalancingSchemes"]);

const protos = new URL("../node_modules/@google-cloud/compute/build/protos/", import.meta.url);
const source = new URL("protos.json", protos);
const commented = new URL("google/cloud/compute/v1/compute.proto", protos);
const target = new URL("../src/model/generated/compute-messages.ts", import.meta.url);

function computeMessages(): Readonly<Record<string, ProtoMessage>> {
  const root = JSON.parse(readFileSync(source, "utf8")) as { nested: Record<string, unknown> };
  let node: unknown = root;
  for (const name of ["google", "cloud", "compute", "v1"]) node = (node as { nested: Record<string, unknown> }).nested[name];
  return (node as { nested: Record<string, ProtoMessage> }).nested;
}

/**
 * Values that stand in no enum, since another enum of the same package has them, but in the comment above it: "Additional supported values which
 * may be not listed in the enum directly due to technical reasons". By `Message.Enum`.
 */
function additionalValues(): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  let message = "";
  let values: string[] | undefined;
  for (const line of readFileSync(commented, "utf8").split("\n")) {
    message = /^message (\w+) \{/.exec(line)?.[1] ?? message;
    const name = /^\s*enum (\w+) \{/.exec(line)?.[1];
    const value = /^\s*\/\/ ([A-Z0-9_]+)$/.exec(line)?.[1];
    if (line.includes("Additional supported values")) values = [];
    else if (values && value !== undefined) values.push(value);
    else if (values && name !== undefined) found.set(`${message}.${name}`, values);
    if (name !== undefined) values = undefined;
  }
  return found;
}

/**
 * Compute's enums travel as strings: the field is a string and the values stand in a nested enum of the field's name. An enum that lists
 * nothing but its UNDEFINED value says that the values are documented elsewhere; such a field stays a string.
 */
function enumValues(messageName: string, message: ProtoMessage, field: string): readonly string[] {
  const name = (field[0]?.toUpperCase() ?? "") + field.slice(1);
  const values = (message.nested?.[name] ?? message.nested?.[`${name}Enum`])?.values ?? {};
  const listed = Object.keys(values).filter((value) => !value.startsWith("UNDEFINED_"));
  return [...new Set([...listed, ...(additional.get(`${messageName}.${name}`) ?? [])])].toSorted();
}

function fieldType(messageName: string, name: string, field: ProtoField): string {
  const message = messages[messageName];
  const hasEnum = message !== undefined && field.type === "string" && !freeText.has(`${messageName}.${name}`);
  const values = hasEnum ? enumValues(messageName, message, name) : [];
  const type = values.length > 0 ? `enum ${values.join(" ")}` : field.type;
  if (field.keyType !== undefined) return `map ${type}`;
  return field.rule === "repeated" ? `list ${type}` : type;
}

const messages = computeMessages();
const additional = additionalValues();
const reached = new Set<string>();
const waiting = [...roots];
for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
  const message = messages[name];
  if (message === undefined) throw new Error(`Compute v1 has no message ${name}`);
  if (reached.has(name)) continue;
  reached.add(name);
  for (const field of Object.values(message.fields)) if (messages[field.type]?.fields) waiting.push(field.type);
}

const rows = [...reached].toSorted().map((name) => {
  const fields = Object.entries(messages[name]?.fields ?? {}).map(
    ([field, type]) => `    ${field}: ${JSON.stringify(fieldType(name, field, type))},`,
  );
  return `  ${name}: {\n${fields.join("\n")}\n  },`;
});
const output = `import type { Messages } from "../messages.ts";

/** Field names and types of Google's Compute v1 messages. Made by scripts/generate-google-messages.ts; do not edit. */
export const computeMessages: Messages = {
${rows.join("\n")}
};
`;
if (process.argv.includes("--print")) process.stdout.write(output);
else writeFileSync(target, output);
