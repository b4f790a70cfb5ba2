import { xxHash64 } from "#base/xxhash.ts";
import type { Keyed, Places, Recipe } from "./hashed.ts";

/** Places of a ring at the most, whatever weights ask for: bounds what a change of configuration costs. */
const maximumSize = 65_536;

/**
 * The ring of Envoy's `ring_hash` (ketama): each entry stands where `key_0`, `key_1` … hash to, as often as its weight says, and the lightest
 * a whole number of times where the size allows. A hash belongs to the first place at or after it; behind the last comes the first.
 */
export function hashRing(
  entries: readonly Keyed[],
  size: { readonly minimum: number; readonly maximum: number },
): Places & { readonly hashes: BigUint64Array } {
  const total = entries.reduce((sum, { weight }) => sum + weight, 0);
  const weights = entries.map(({ weight }) => weight / total);
  const lightest = weights.reduce((least, weight) => Math.min(least, weight), 1);
  const scale = Math.min(Math.ceil(lightest * size.minimum) / lightest, size.maximum);
  const places: { hash: bigint; owner: number }[] = [];
  let due = 0;
  for (const [owner, { key }] of entries.entries()) {
    due += scale * (weights[owner] ?? 0);
    for (let count = 0; places.length < due; count++) places.push({ hash: xxHash64(`${key}_${count}`), owner });
  }
  places.sort((a, b) => (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : 0));
  const hashes = BigUint64Array.from(places, ({ hash }) => hash);
  return { hashes, owners: Int32Array.from(places, ({ owner }) => owner), placeOf: (hash) => placeOf(hashes, hash) };
}

/** RING_HASH with at least `minimum` places. */
export function ringHash(minimum: number): Recipe {
  const size = { minimum, maximum: Math.max(minimum, maximumSize) };
  return { name: `ring ${minimum}`, make: (entries) => hashRing(entries, size) };
}

function placeOf(hashes: BigUint64Array, hash: bigint): number {
  let low = 0;
  let high = hashes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((hashes[middle] ?? 0n) < hash) low = middle + 1;
    else high = middle;
  }
  return low === hashes.length ? 0 : low;
}
