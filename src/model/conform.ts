import { durationTextToMs } from "#base/duration.ts";
import type { Fault } from "#base/errors.ts";
import { isJsonObject } from "#base/json.ts";
import type { Json, JsonObject } from "#base/json.ts";
import { messageType } from "./catalogue.ts";
import type { FieldType, Scalar, ValueType } from "./catalogue.ts";

/** What came of a value: the fields that were right, and every fault. With faults, `value` is not to be kept. */
export interface Conformed {
  readonly value: JsonObject;
  readonly faults: Fault[];
}

/**
 * Reads a JSON value as one of Google's messages, as leniently as Google does: snake_case names become camelCase, one value where a list
 * is expected becomes a list, enum names are taken in any case, null fields are dropped, numbers may be decimal strings and stay what
 * they were. Names that the message lacks and values of a wrong type are refused in Google's words, all at once.
 *
 * `path` is where the value stands in what was sent. Never throws on JSON; throws when there is no message of that name (our mistake).
 */
export function conform(message: string, value: Json, path = "resource"): Conformed {
  const faults: Fault[] = [];
  const read = readMessage(message, value, { path, faults });
  return { value: isJsonObject(read) ? read : {}, faults };
}

interface Place {
  readonly path: string;
  readonly faults: Fault[];
}

function at(place: Place, step: string): Place {
  return { path: place.path + step, faults: place.faults };
}

function wrongType(place: Place, type: string, value: Json): undefined {
  const shown = JSON.stringify(value);
  const text = shown.length > 200 ? `${shown.slice(0, 200)}…` : shown;
  place.faults.push({ code: "invalid", message: `Invalid value at '${place.path}' (${type}), ${text}`, field: place.path });
  return undefined;
}

function unknownName(place: Place, name: string, why: string): undefined {
  const message = `Invalid JSON payload received. Unknown name ${JSON.stringify(name)} at '${place.path}': ${why}`;
  place.faults.push({ code: "invalid", message, field: `${place.path}.${name}` });
  return undefined;
}

function readMessage(name: string, value: Json, place: Place): Json | undefined {
  const message = messageType(name);
  if (message === undefined) throw new Error(`no message ${name}`);
  if (!isJsonObject(value)) return wrongType(place, name, value);
  const read = new Map<string, Json>();
  for (const [key, given] of Object.entries(value)) {
    const field = message.nameOf(key);
    const type = field === undefined ? undefined : message.field(field);
    if (field === undefined || type === undefined) {
      unknownName(place, key, "Cannot find field.");
    } else if (read.has(field)) {
      unknownName(place, key, `Field ${field} is given twice; keep one of the spellings.`);
    } else if (given !== null) {
      const result = readField(type, given, { name: key, inside: place, place: at(place, `.${field}`) });
      if (result !== undefined) read.set(field, result);
    }
  }
  // fromEntries defines properties instead of assigning them: no key can reach a prototype.
  return Object.fromEntries(read);
}

interface FieldPlace {
  /** As it was written. */
  readonly name: string;
  readonly inside: Place;
  readonly place: Place;
}

function readField(field: FieldType, value: Json, where: FieldPlace): Json | undefined {
  if (field.repeat === "map") return readMap(field.type, value, where.place);
  if (field.repeat === "one") {
    if (!Array.isArray(value)) return readValue(field.type, value, where.place);
    return unknownName(where.inside, where.name, "Proto field is not repeating, cannot start list.");
  }
  const items = Array.isArray(value) ? value : [value];
  const read = items.map((item, index) => readValue(field.type, item, at(where.place, `[${index}]`)));
  return read.filter((item) => item !== undefined);
}

function readMap(type: ValueType, value: Json, place: Place): Json | undefined {
  if (!isJsonObject(value)) return wrongType(place, "map", value);
  const read: [string, Json][] = [];
  for (const [key, given] of Object.entries(value)) {
    if (key === "__proto__") {
      unknownName(place, key, "Cannot find field.");
      continue;
    }
    const result = given === null ? undefined : readValue(type, given, at(place, `.${key}`));
    if (result !== undefined) read.push([key, result]);
  }
  return Object.fromEntries(read);
}

function readValue(type: ValueType, value: Json, place: Place): Json | undefined {
  switch (type.kind) {
    case "message":
      return readMessage(type.name, value, place);
    case "enum":
      return readEnum(type.values, value, place);
    case "struct":
      return isJsonObject(value) ? value : wrongType(place, "struct", value);
    case "scalar":
      return scalarReaders[type.scalar](value) ? value : wrongType(place, typeLabels[type.scalar], value);
  }
}

function readEnum(values: readonly string[], value: Json, place: Place): Json | undefined {
  if (typeof value !== "string") return wrongType(place, "TYPE_ENUM", value);
  const upper = value.toUpperCase();
  return values.find((known) => known === upper) ?? wrongType(place, "TYPE_ENUM", value);
}

const decimal = /^-?\d{1,20}$/;

function isInteger(value: Json, least: bigint, most: bigint): boolean {
  const whole = typeof value === "number" ? Number.isInteger(value) : typeof value === "string" && decimal.test(value);
  if (!whole) return false;
  const number = BigInt(value as number | string);
  return number >= least && number <= most;
}

function isFraction(value: Json): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  return typeof value === "string" && /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(value) && Number.isFinite(Number(value));
}

function isBase64(value: Json): boolean {
  return typeof value === "string" && /^[A-Za-z0-9+/_-]*={0,2}$/.test(value);
}

const isText = (value: Json): boolean => typeof value === "string";
const isFlag = (value: Json): boolean => typeof value === "boolean" || value === "true" || value === "false";

const scalarReaders: Readonly<Record<Scalar, (value: Json) => boolean>> = {
  string: isText,
  bool: isFlag,
  int32: (value) => isInteger(value, -(2n ** 31n), 2n ** 31n - 1n),
  uint32: (value) => isInteger(value, 0n, 2n ** 32n - 1n),
  int64: (value) => isInteger(value, -(2n ** 63n), 2n ** 63n - 1n),
  uint64: (value) => isInteger(value, 0n, 2n ** 64n - 1n),
  float: isFraction,
  double: isFraction,
  bytes: isBase64,
  duration: (value) => typeof value === "string" && durationTextToMs(value) !== undefined,
  timestamp: (value) => typeof value === "string" && /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d/.test(value) && !Number.isNaN(Date.parse(value)),
};

/** The words of Google's messages. */
const typeLabels: Readonly<Record<Scalar, string>> = {
  string: "TYPE_STRING",
  bool: "TYPE_BOOL",
  int32: "TYPE_INT32",
  uint32: "TYPE_UINT32",
  int64: "TYPE_INT64",
  uint64: "TYPE_UINT64",
  float: "TYPE_FLOAT",
  double: "TYPE_DOUBLE",
  bytes: "TYPE_BYTES",
  duration: "type.googleapis.com/google.protobuf.Duration",
  timestamp: "type.googleapis.com/google.protobuf.Timestamp",
};
