/** Randomness as a capability: `systemRandom` in entries, a seeded one in tests. */
export interface Random {
  /** Uniform in [0, 1). */
  float(): number;
  /** `length` random bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer>;
}

export const systemRandom: Random = {
  float: () => Math.random(),
  bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
};

/** Lower-case hexadecimal of `length` random bytes; ids of spans, traces, faults. */
export function randomHex(random: Random, length: number): string {
  return toHex(random.bytes(length));
}

const hexadecimal = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Lower-case hexadecimal of bytes. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += hexadecimal[byte];
  return text;
}

/** A reproducible generator (mulberry32) for tests, benchmarks and simulations. Never for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const float = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  return {
    float,
    bytes: (length) => Uint8Array.from({ length }, () => Math.floor(float() * 256)),
  };
}
