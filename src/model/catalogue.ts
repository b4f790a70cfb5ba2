/** All of Google's messages that we know, ready for look-ups by name. */
import { networkSecurityMessages } from "./networksecurity/messages.ts";
import { networkServicesMessages } from "./networkservices/messages.ts";
import { computeMessages } from "./generated/compute-messages.ts";
import { secretManagerMessages } from "./secretmanager/messages.ts";
import type { Messages } from "./messages.ts";
import { waysideMessages } from "./wayside/messages.ts";

export type Scalar = "string" | "bool" | "int32" | "uint32" | "int64" | "uint64" | "float" | "double" | "bytes" | "duration" | "timestamp";

export type ValueType =
  | { readonly kind: "scalar"; readonly scalar: Scalar }
  | { readonly kind: "enum"; readonly values: readonly string[] }
  | { readonly kind: "message"; readonly name: string }
  | { readonly kind: "struct" };

/** A field of a message: how often its value may stand there, and what it is. */
export interface FieldType {
  readonly repeat: "one" | "list" | "map";
  readonly type: ValueType;
}

/** All messages. A name is of one API only: the hand-written catalogues call theirs after their resource. */
const messages: ReadonlyMap<string, Readonly<Record<string, string>>> = new Map(
  [computeAdditions(), networkServicesMessages, networkSecurityMessages, secretManagerMessages, waysideMessages].flatMap((part) =>
    Object.entries(part),
  ),
);

/** Fields that Google's Compute v1 accepts and its published v1 description lacks. */
function computeAdditions(): Messages {
  const filters = { httpFilterConfigs: "list HttpFilterConfig", httpFilterMetadata: "list HttpFilterConfig" };
  return {
    ...computeMessages,
    BackendService: { ...computeMessages["BackendService"], dynamicForwarding: "DynamicForwarding" },
    DynamicForwarding: { ipPortSelection: "DynamicForwarding.IpPortSelection" },
    "DynamicForwarding.IpPortSelection": { enabled: "bool" },
    HttpFilterConfig: { filterName: "string", configTypeUrl: "string", config: "string" },
    HttpRouteRule: { ...computeMessages["HttpRouteRule"], ...filters },
  };
}

const scalars: ReadonlySet<string> = new Set<Scalar>([
  "string",
  "bool",
  "int32",
  "uint32",
  "int64",
  "uint64",
  "float",
  "double",
  "bytes",
  "duration",
  "timestamp",
]);

function isScalar(text: string): text is Scalar {
  return scalars.has(text);
}

function parseValueType(text: string): ValueType {
  if (text.startsWith("enum ")) return { kind: "enum", values: text.slice(5).split(" ") };
  if (text === "struct") return { kind: "struct" };
  return isScalar(text) ? { kind: "scalar", scalar: text } : { kind: "message", name: text };
}

function parseFieldType(text: string): FieldType {
  if (text.startsWith("list ")) return { repeat: "list", type: parseValueType(text.slice(5)) };
  if (text.startsWith("map ")) return { repeat: "map", type: parseValueType(text.slice(4)) };
  return { repeat: "one", type: parseValueType(text) };
}

const snakeCase = /^[a-z][a-z0-9]*(_[a-z0-9]+)+$/;

/** A message made ready for look-ups: parsed on first use, since a request touches few of them. */
export class MessageType {
  readonly #fields: ReadonlyMap<string, FieldType>;
  readonly #spellings: ReadonlyMap<string, string>;

  constructor(fields: Readonly<Record<string, string>>) {
    this.#fields = new Map(Object.entries(fields).map(([name, text]) => [name, parseFieldType(text)]));
    this.#spellings = new Map(Object.keys(fields).map((name) => [name.toLowerCase(), name]));
  }

  field(name: string): FieldType | undefined {
    return this.#fields.get(name);
  }

  fieldNames(): readonly string[] {
    return [...this.#fields.keys()];
  }

  /** The field that `key` means: its own name or the snake_case one, `ip_address` being `IPAddress`. */
  nameOf(key: string): string | undefined {
    if (this.#fields.has(key)) return key;
    return snakeCase.test(key) ? this.#spellings.get(key.replaceAll("_", "")) : undefined;
  }
}

const ready = new Map<string, MessageType>();

/** The message of that name; undefined when there is none. */
export function messageType(name: string): MessageType | undefined {
  const known = ready.get(name);
  if (known !== undefined) return known;
  const fields = messages.get(name);
  if (fields === undefined) return undefined;
  const made = new MessageType(fields);
  ready.set(name, made);
  return made;
}

/** Names of all messages: for tests. */
export function messageNames(): readonly string[] {
  return [...messages.keys()];
}
