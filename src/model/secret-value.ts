/** Header values that name secrets: `Bearer {secret.api-key}`. The proxy puts the value of the latest enabled version in their place. */

export type ValuePart = string | { readonly secret: string };

const opening = "{secret.";
const reference = /\{secret\.([A-Za-z0-9_-]{1,255})\}/g;

/**
 * The value in parts, text and names of secrets by turns; a value without a secret is one part, an empty value none.
 * Undefined when a `{secret.` is not closed or does not name a secret (1 to 255 letters, digits, `_`, `-`).
 */
export function splitSecrets(value: string): readonly ValuePart[] | undefined {
  const parts: ValuePart[] = [];
  let end = 0;
  for (const match of value.matchAll(reference)) {
    const before = value.slice(end, match.index);
    if (before !== "") parts.push(before);
    if (match[1] !== undefined) parts.push({ secret: match[1] });
    end = match.index + match[0].length;
  }
  const rest = value.slice(end);
  if (rest !== "") parts.push(rest);
  return parts.some((part) => typeof part === "string" && part.includes(opening)) ? undefined : parts;
}
