/**
 * The metadata of one VM as Compute Engine serves it under `computeMetadata/v1`
 * (https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys), as far as a local process has it.
 */
import { fnv1a64 } from "#base/hash.ts";
import type { FleetInstance } from "#instances/fleet.ts";

/** A value; a list is one value, and a bigint is a number in JSON, however large. */
export type Leaf = string | bigint | readonly string[];

/** A directory. In JSON its keys become camel case, unless they are names that somebody gave, or numbers of a list. */
export interface Directory {
  readonly entries: ReadonlyMap<string, Leaf | Directory>;
  readonly keys: "fields" | "names" | "list";
}

export function isDirectory(node: Leaf | Directory): node is Directory {
  return typeof node === "object" && !Array.isArray(node);
}

/** Google numbers projects; ours get a number from their id, the same in every run. */
export function projectNumber(project: string): bigint {
  const hash = fnv1a64(project).reduce((number, byte) => number * 256n + BigInt(byte), 0n);
  return 100_000_000_000n + (hash % 900_000_000_000n);
}

/** The tree below `computeMetadata/v1`. */
export function metadataTree(instance: FleetInstance, address: string): Directory {
  const number = projectNumber(instance.project);
  return directory({
    instance: instanceTree(instance, address),
    project: directory({
      attributes: directory({}, "names"),
      "numeric-project-id": number,
      "project-id": instance.project,
    }),
    universe: directory({ "universe-domain": "googleapis.com" }),
  });
}

function instanceTree(instance: FleetInstance, address: string): Directory {
  const number = projectNumber(instance.project);
  return directory({
    attributes: directory(attributesOf(instance), "names"),
    hostname: `${instance.name}.${instance.zone}.c.${instance.project}.internal`,
    id: BigInt(instance.id),
    "machine-type": `projects/${number}/machineTypes/${instance.machineType}`,
    "maintenance-event": "NONE",
    name: instance.name,
    "network-interfaces": directory({ 0: networkInterface(address, number) }, "list"),
    preempted: "FALSE",
    "service-accounts": serviceAccounts(instance.project, number),
    tags: instance.tags,
    zone: `projects/${number}/zones/${instance.zone}`,
  });
}

function networkInterface(address: string, number: bigint): Directory {
  return directory({
    "access-configs": directory({}, "list"),
    "forwarded-ips": directory({}, "list"),
    ip: address,
    network: `projects/${number}/networks/default`,
  });
}

/** The template's items and the two that a managed group adds to its instances. */
function attributesOf(instance: FleetInstance): Record<string, string> {
  const number = projectNumber(instance.project);
  const template = instance.template.split("/").at(-1) ?? instance.template;
  return {
    "created-by": `projects/${number}/${instance.group.replace("/instanceGroups/", "/instanceGroupManagers/")}`,
    "instance-template": `projects/${number}/global/instanceTemplates/${template}`,
    ...instance.metadata,
  };
}

/**
 * The default service account, so that Google's client libraries start without further set-up. Its token opens nothing: the emulator
 * asks for none, and Google refuses it.
 */
function serviceAccounts(project: string, number: bigint): Directory {
  const email = `${number}-compute@developer.gserviceaccount.com`;
  const token = JSON.stringify({ access_token: `wayside-emulator-${project}`, expires_in: 3599, token_type: "Bearer" });
  const account = directory({
    aliases: ["default"],
    email,
    scopes: ["https://www.googleapis.com/auth/cloud-platform"],
  });
  const withToken: Directory = { keys: "fields", entries: new Map<string, Leaf | Directory>([...account.entries, ["token", token]]) };
  return directory({ default: withToken, [email]: withToken }, "names");
}

function directory(entries: Readonly<Record<string, Leaf | Directory>>, keys: Directory["keys"] = "fields"): Directory {
  const sorted = Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return { entries: new Map(sorted), keys };
}

/** The node at a path of keys; undefined when there is none. */
export function nodeAt(root: Directory, keys: readonly string[]): Leaf | Directory | undefined {
  let node: Leaf | Directory | undefined = root;
  for (const key of keys) node = node !== undefined && isDirectory(node) ? node.entries.get(key) : undefined;
  return node;
}

/** `alt=text`: a value as it is, lists a line each; tags are JSON even here, as at Google. */
export function leafText(leaf: Leaf, key: string): string {
  if (Array.isArray(leaf)) return key === "tags" ? JSON.stringify(leaf) : leaf.map((item) => `${item}\n`).join("");
  return String(leaf);
}

/** A directory as its listing: one key a line, those of directories with a slash. */
export function listing(node: Directory): string {
  return [...node.entries].map(([key, child]) => `${key}${isDirectory(child) ? "/" : ""}\n`).join("");
}

/** `recursive=true&alt=text`: one `path value` a line. */
export function recursiveText(node: Directory, prefix = ""): string {
  return [...node.entries]
    .map(([key, child]) => {
      const name = `${prefix}${key}`;
      if (isDirectory(child)) return recursiveText(child, `${name}/`);
      return key === "token" ? "" : `${name} ${leafText(child, key).trimEnd()}\n`;
    })
    .join("");
}

/** JSON with keys in camel case (`machine-type` → `machineType`). Tokens are left out of directories, as at Google. */
export function toJson(node: Leaf | Directory): string {
  if (!isDirectory(node)) return typeof node === "bigint" ? String(node) : JSON.stringify(node);
  const entries = [...node.entries].filter(([key]) => key !== "token");
  if (node.keys === "list") return `[${entries.map(([, child]) => toJson(child)).join(",")}]`;
  const fields = entries.map(([key, child]) => `${JSON.stringify(node.keys === "names" ? key : camelCase(key))}:${toJson(child)}`);
  return `{${fields.join(",")}}`;
}

function camelCase(key: string): string {
  return key.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
