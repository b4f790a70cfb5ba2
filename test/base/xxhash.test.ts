import fc from "fast-check";
import { expect, test } from "vitest";
import { xxHash64 } from "#base/xxhash.ts";

// From the reference implementation (XXH64_digest of xxHash 0.8).
test.each([
  ["", 0, 0xef46db3751d8e999n],
  ["a", 0, 0xd24ec4f1a98c6e5bn],
  ["abc", 0, 0x44bc2cf5ad770999n],
])("%j with seed %i", (text, seed, hash) => expect(xxHash64(text, seed)).toBe(hash));

const primes = [0x9e3779b185ebca87n, 0xc2b2ae3d27d4eb4fn, 0x165667b19e3779f9n, 0x85ebca77c2b2ae63n, 0x27d4eb2f165667c5n] as const;
const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);
const rotate = (value: bigint, bits: bigint): bigint => wrap(value << bits) | (value >> (64n - bits));
const round = (lane: bigint, input: bigint): bigint => wrap(rotate(wrap(lane + input * primes[1]), 31n) * primes[0]);

/** The specification, word for word, in 64-bit integers. */
function specified(text: string, seed: bigint): bigint {
  const [p1, p2, p3, p4, p5] = primes;
  const bytes = new TextEncoder().encode(text);
  const view = new DataView(bytes.buffer);
  let at = 0;
  let hash = seed + p5;
  if (bytes.length >= 32) {
    const lanes = [seed + p1 + p2, seed + p2, seed, seed - p1].map(wrap);
    for (; at + 32 <= bytes.length; at += 32) {
      for (const [lane, value] of lanes.entries()) lanes[lane] = round(value, view.getBigUint64(at + 8 * lane, true));
    }
    const turns = [1n, 7n, 12n, 18n];
    hash = lanes.reduce((sum, lane, index) => sum + rotate(lane, turns[index] ?? 0n), 0n);
    for (const lane of lanes) hash = wrap((wrap(hash) ^ round(0n, lane)) * p1 + p4);
  }
  hash = wrap(hash + BigInt(bytes.length));
  for (; at + 8 <= bytes.length; at += 8) hash = wrap(rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * p1 + p4);
  if (at + 4 <= bytes.length) {
    hash = wrap(rotate(hash ^ wrap(BigInt(view.getUint32(at, true)) * p1), 23n) * p2 + p3);
    at += 4;
  }
  for (; at < bytes.length; at++) hash = wrap(rotate(hash ^ wrap(BigInt(view.getUint8(at)) * p5), 11n) * p1);
  hash = wrap((hash ^ (hash >> 33n)) * p2);
  hash = wrap((hash ^ (hash >> 29n)) * p3);
  return hash ^ (hash >> 32n);
}

test("is what the specification says, for any text and seed", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 150 }), fc.nat(), (text, seed) => {
      expect(xxHash64(text, seed)).toBe(specified(text, BigInt(seed)));
    }),
    { numRuns: 2000 },
  );
});

test("text that is longer than most keys", () => {
  const text = "ключ".repeat(1000);
  expect(xxHash64(text)).toBe(specified(text, 0n));
});
