/**
 * Building blocks of the resources' schemas. A schema names the fields that checks and references read and gives them one form, whatever
 * form Google's leniency let in: an integer that came as text is a number, a flag that came as text is a boolean. Other fields are left
 * out of what is read; they stay in the stored resource.
 */
import { z } from "zod";

type Optional<Shape extends z.core.$ZodShape> = { readonly [Field in keyof Shape]: z.ZodExactOptional<Shape[Field]> };

/** One of Google's messages, all of whose fields may be absent. */
export function message<Shape extends z.core.$ZodShape>(shape: Shape): z.ZodObject<Optional<Shape>, z.core.$strip> {
  const optional = Object.fromEntries(Object.entries(shape).map(([field, type]) => [field, z.exactOptional(type)]));
  // The mapped type says for each field what the line above did to it.
  return z.object(optional as Optional<Shape>);
}

/** Text. */
export const text: z.ZodString = z.string();

/** A number; decimal text is read as one. */
export const number = z.union([z.number(), z.string().min(1).transform(Number).pipe(z.number())]);

/** A 64-bit integer as decimal text, which a JavaScript number could not hold. */
export const int64 = z.union([z.string(), z.number().transform(String)]);

/** A boolean; `"true"` and `"false"` are read as one. */
export const flag = z.union([z.boolean(), z.enum(["true", "false"]).transform((value) => value === "true")]);

/** A list of text. */
export const texts = z.array(text);

/** A map from text to text. */
export const textMap = z.record(z.string(), text);

/** Compute's duration: `{seconds: "1", nanos: 5}`. */
export const secondsNanos = message({ seconds: int64, nanos: number });
