/** Any JSON that the model accepts as one of Google's messages: the known names and types, and nothing else that is right about it. */
import fc from "fast-check";
import { messageType, type FieldType, type Scalar, type ValueType } from "#model/catalogue.ts";

const text = fc.oneof(
  fc.constantFrom("", "__proto__", "constructor", "*", "a.mesh", "/", "/*", "{secret.s}", "{secret.", "X:Y", "RUNNING", "(?=", "a\nb"),
  fc.constantFrom("global/backendServices/s", "projects/p/zones/z/instanceGroups/g", "zones/z/networkEndpointGroups/n", "global/urlMaps/m"),
  fc.constantFrom("HTTP", "GRPC", "USE_SERVING_PORT", "INTERNAL_SELF_MANAGED", "global/healthChecks/h", "global/targetHttpProxies/p"),
  fc.string({ maxLength: 6 }),
);
const whole = fc.oneof(fc.integer({ min: -5, max: 100 }), fc.integer({ min: -5, max: 100_000 }).map(String));

const scalars: Readonly<Record<Scalar, fc.Arbitrary<unknown>>> = {
  string: text,
  bool: fc.constantFrom(true, false, "true", "false"),
  int32: whole,
  uint32: fc.nat({ max: 1000 }),
  int64: whole,
  uint64: fc.nat({ max: 1000 }).map(String),
  float: fc.constantFrom(-1, 0, 0.5, "0.25", 1e9),
  double: fc.constantFrom(-1, 0, 0.5, "0.25", 1e9),
  bytes: fc.constantFrom("", "_-8", "AAA="),
  duration: fc.constantFrom("0s", "1.5s", "-3s"),
  timestamp: fc.constant("2026-01-01T00:00:00Z"),
};

const made = new Map<string, fc.Arbitrary<unknown>>();

/** Values of a message, to a depth that is enough for the rules of a URL map. */
export function generatedMessage(name: string, depth = 7): fc.Arbitrary<unknown> {
  const key = `${name} ${depth}`;
  const known = made.get(key);
  if (known) return known;
  const message = messageType(name);
  const fields = message?.fieldNames().flatMap((field) => {
    const type = message.field(field);
    return type ? [[field, fieldValue(type, depth)] as const] : [];
  });
  const arbitrary =
    depth === 0 ? fc.constant({}) : fc.record(Object.fromEntries(fields ?? []), { requiredKeys: [], noNullPrototype: true });
  made.set(key, arbitrary);
  return arbitrary;
}

function fieldValue({ repeat, type }: FieldType, depth: number): fc.Arbitrary<unknown> {
  const one = value(type, depth);
  if (repeat === "list") return fc.array(one, { maxLength: 2 });
  return repeat === "map" ? fc.dictionary(fc.constantFrom("X-A", "constructor", "b"), one, { maxKeys: 2 }) : one;
}

function value(type: ValueType, depth: number): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case "message":
      return generatedMessage(type.name, depth - 1);
    case "enum":
      return fc.constantFrom(...type.values);
    case "struct":
      return fc.constant({});
    case "scalar":
      return scalars[type.scalar];
  }
}
