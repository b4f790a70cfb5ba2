import { xxHash64 } from "#base/xxhash.ts";
import type { Keyed, Recipe } from "./hashed.ts";

/**
 * Maglev's table (Eisenbud et al., NSDI 2016) as Envoy fills it: for each place the index of the entry that has it. Entries take places in
 * turn, each in an order of its own, and come to their turn as often as their weights say. `size` is a prime; with more entries than places
 * the last ones get none.
 */
export function maglevTable(entries: readonly Keyed[], size: number): Int32Array {
  const table = new Int32Array(size).fill(-1);
  const total = entries.reduce((sum, { weight }) => sum + weight, 0);
  const rows = entries.map(({ key, weight }) => ({
    weight: weight / total,
    due: 0,
    place: Number(xxHash64(key) % BigInt(size)),
    step: Number((xxHash64(key, 1) % BigInt(size - 1)) + 1n),
  }));
  const greatest = rows.reduce((most, { weight }) => Math.max(most, weight), 0);
  let filled = 0;
  for (let turn = 1; rows.length > 0; turn++) {
    for (const [index, row] of rows.entries()) {
      if (turn * row.weight < row.due) continue;
      row.due += greatest;
      while (table[row.place] !== -1) row.place = (row.place + row.step) % size;
      table[row.place] = index;
      filled += 1;
      if (filled === size) return table;
    }
  }
  return table;
}

/** MAGLEV with a table of `size` places. */
export function maglev(size: number): Recipe {
  return {
    name: `maglev ${size}`,
    make: (entries) => ({ owners: maglevTable(entries, size), placeOf: (hash) => Number(hash % BigInt(size)) }),
  };
}
