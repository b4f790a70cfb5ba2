/** fast-check arbitraries for resources: any JSON with hostile keys, and JSON that the catalogue calls right. */
import fc from "fast-check";
import type { Json } from "#base/json.ts";
import { messageType } from "#model/catalogue.ts";
import type { FieldType, Scalar, ValueType } from "#model/catalogue.ts";

const hostileKey = fc.constantFrom("__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "__defineGetter__");

/** JSON of any shape. `keys` are mixed among random and hostile ones. */
export function anyJson(keys: readonly string[]): fc.Arbitrary<Json> {
  const key = fc.oneof(fc.constantFrom(...keys), hostileKey, fc.string());
  const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
    tree: fc.oneof(
      { depthSize: "medium" },
      fc.oneof(fc.constant(null), fc.boolean(), fc.integer(), fc.double({ noNaN: true }), fc.string()),
      fc.array(tie("tree"), { maxLength: 4 }),
      // Through text, as it would arrive: only there is `__proto__` a property like any other.
      fc.array(fc.tuple(key, tie("tree")), { maxLength: 6 }).map((entries) => parseObject(entries)),
    ),
  }));
  return tree;
}

function parseObject(entries: readonly (readonly [string, Json])[]): Json {
  return JSON.parse(`{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(",")}}`) as Json;
}

const integer = (least: bigint, most: bigint): fc.Arbitrary<Json> =>
  fc.bigInt({ min: least, max: most }).chain((value) => {
    const asNumber = Number.isSafeInteger(Number(value)) ? [Number(value)] : [];
    return fc.constantFrom<Json>(String(value), ...asNumber);
  });

const fraction: fc.Arbitrary<Json> = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant("0.5"));

const scalars: Readonly<Record<Scalar, fc.Arbitrary<Json>>> = {
  string: fc.string(),
  bool: fc.constantFrom<Json>(true, false, "true", "false"),
  int32: integer(-(2n ** 31n), 2n ** 31n - 1n),
  uint32: integer(0n, 2n ** 32n - 1n),
  int64: integer(-(2n ** 63n), 2n ** 63n - 1n),
  uint64: integer(0n, 2n ** 64n - 1n),
  float: fraction,
  double: fraction,
  bytes: fc.base64String(),
  duration: fc.constantFrom("1s", "0.5s", "-3s", "100000000s"),
  timestamp: fc.constant("2026-01-02T03:04:05Z"),
};

type Objects = fc.Arbitrary<{ [key: string]: Json }>;

const made = new Map<string, Objects>();

/** Values that `conform` must accept for a message; `depth` bounds how far messages nest. */
export function conforming(message: string, depth: number): Objects {
  const key = `${message} ${depth}`;
  const known = made.get(key) ?? build(message, depth);
  made.set(key, known);
  return known;
}

function build(message: string, depth: number): Objects {
  const type = messageType(message);
  if (type === undefined) throw new Error(`no message ${message}`);
  const fields: Record<string, fc.Arbitrary<Json>> = {};
  for (const name of type.fieldNames()) {
    const field = type.field(name);
    if (field !== undefined && !(depth === 0 && field.type.kind === "message")) fields[name] = fieldValue(field, depth);
  }
  // A field that is left out has no key, so that every value there is one of JSON.
  return fc.record(fields, { requiredKeys: [] }) as Objects;
}

function fieldValue(field: FieldType, depth: number): fc.Arbitrary<Json> {
  const one = value(field.type, depth);
  if (field.repeat === "list") return fc.array(one, { maxLength: 3 });
  return field.repeat === "map" ? fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), one, { maxKeys: 2 }) : one;
}

function value(type: ValueType, depth: number): fc.Arbitrary<Json> {
  switch (type.kind) {
    case "message":
      return conforming(type.name, depth - 1);
    case "enum":
      return fc.constantFrom(...type.values);
    case "struct":
      return fc.constant({});
    case "scalar":
      return scalars[type.scalar];
  }
}
