/**
 * Building blocks of the resources' schemas. A schema names the fields that checks, references and the compiler read and gives them one
 * form, whatever form Google's leniency let in: an integer that came as text is a number, a flag that came as text is a boolean. Other
 * fields stay as they were given.
 */
// The namespace, not `{ z }`: only so do bundlers leave out what is not used, above all zod's messages in fifty languages.
import * as z from "zod/mini";

type Schema = z.core.$ZodType;

/** What a schema reads. Nobody may change it: a reading is shared by all who ask for it. */
export type Reading<S extends Schema> = Immutable<z.output<S>>;

type Immutable<T> = T extends object ? { readonly [Key in keyof T]: Immutable<T[Key]> } : T;

type Optional<Shape extends z.core.$ZodShape> = { readonly [Field in keyof Shape]: z.ZodMiniExactOptional<Shape[Field]> };

/** A field that a schema could not read, and why. */
export type Unread = z.core.$ZodIssue;

/** The schema of a message. */
export type Message<Shape extends z.core.$ZodShape = z.core.$ZodShape> = z.ZodMiniObject<Optional<Shape>, z.core.$strip>;

/** One of Google's messages, all of whose fields may be absent. */
export function message<Shape extends z.core.$ZodShape>(shape: Shape): Message<Shape> {
  const optional = Object.fromEntries(Object.entries(shape).map(([field, type]) => [field, z.exactOptional(type)]));
  // The type says for each field what the line above did to it, and nothing of the fields that are passed through.
  return z.looseObject(optional) as unknown as Message<Shape>;
}

/** Text. */
export const text = z.string();

/** A number; decimal text is read as one. */
export const number = z.union([z.number(), z.pipe(z.string().check(z.minLength(1)), z.pipe(z.transform(Number), z.number()))]);

/** A 64-bit integer as decimal text, which a JavaScript number could not hold. */
export const int64 = z.union([z.string(), z.pipe(z.number(), z.transform(String))]);

/** A boolean; `"true"` and `"false"` are read as one. */
export const flag = z.union([
  z.boolean(),
  z.pipe(
    z.enum(["true", "false"]),
    z.transform((value) => value === "true"),
  ),
]);

/** Base64 in the standard alphabet, with padding; the URL alphabet and missing padding are read as it (protobuf's JSON takes both). */
export const bytes = z.pipe(z.string(), z.transform(standardBase64));

function standardBase64(given: string): string {
  const digits = given.replaceAll("-", "+").replaceAll("_", "/").replaceAll("=", "");
  return digits.padEnd(Math.ceil(digits.length / 4) * 4, "=");
}

/** A list. */
export function list<Item extends Schema>(item: Item): z.ZodMiniArray<Item> {
  return z.array(item);
}

/** A list of text. */
export const texts = list(text);

/** A map from text to something. */
export function map<Item extends Schema>(item: Item): z.ZodMiniRecord<z.ZodMiniString, Item> {
  return z.record(z.string(), item);
}

/** A map from text to text. */
export const textMap = map(text);

/** Compute's duration: `{seconds: "1", nanos: 5}`. */
export const secondsNanos = message({ seconds: int64, nanos: number });
