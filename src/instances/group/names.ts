import type { Random } from "#base/random.ts";

/** Names and ids of new instances. */

const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz";
const suffixLength = 4;
const suffixes = alphabet.length ** suffixLength;

/** `base-xxxx` with four random letters or digits, as Google names instances of a managed group; never one of `taken`. */
export function freeName(base: string, taken: ReadonlyMap<string, unknown>, random: Random): string {
  const start = Math.floor(random.float() * suffixes);
  for (let step = 0; step < suffixes; step++) {
    const name = `${base}-${suffix((start + step) % suffixes)}`;
    if (!taken.has(name)) return name;
  }
  throw new Error(`all ${suffixes} instance names of ${base} are taken`);
}

function suffix(value: number): string {
  let text = "";
  for (let rest = value; text.length < suffixLength; rest = Math.floor(rest / alphabet.length)) {
    text = alphabet.charAt(rest % alphabet.length) + text;
  }
  return text;
}

/**
 * The next id: decimal, above every one before it. It begins with the time, so that it is unique even when a group of the same name
 * was deleted with all it knew, and it fits Google's unsigned 64-bit ids.
 */
export function nextId(lastId: string, now: number, random: Random): string {
  const timed = (BigInt(Math.max(0, Math.floor(now))) << 20n) | BigInt(Math.floor(random.float() * 2 ** 20));
  const above = BigInt(lastId) + 1n;
  return (timed > above ? timed : above).toString();
}
