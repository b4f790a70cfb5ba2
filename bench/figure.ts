/** What a figure is, and how two sides of a ratio are measured so that a machine that is busy with other things does not decide it. */

/** A promise of the product: a ratio (or a size) with a bound. */
export interface Figure {
  readonly name: string;
  /** The name for `--only`. */
  readonly key: string;
  readonly bound: "at least" | "at most";
  readonly must: number;
  readonly aim: number;
  readonly unit: "×" | "MiB";
}

export interface Measurement {
  readonly figure: Figure;
  readonly value: number;
  /** One for each round. */
  readonly samples: readonly number[];
  /** What the sides of the ratio were, for people. */
  readonly detail: string;
}

interface Skipped {
  readonly figure: Figure;
  readonly skipped: string;
}

export type Result = Measurement | Skipped;

export interface Settings {
  readonly rounds: number;
  /** Of each run of a load generator. */
  readonly seconds: number;
  /** Told what is being done. */
  readonly progress: (line: string) => void;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/**
 * Measures every side once a round, in turn, and every other round in the opposite order. The first round warms up and is not counted. A
 * ratio is then taken within each round, and the median of those is the figure.
 */
export async function alternate<Name extends string>(
  rounds: number,
  sides: Readonly<Record<Name, () => Promise<number> | number>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(sides) as Name[];
  const values = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = 0; round <= rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const value = await sides[name]();
      if (round > 0) values[name].push(value);
    }
  }
  return values;
}

/** The ratio of two sides of `alternate`, round by round. */
export function ratios(above: readonly number[], below: readonly number[]): number[] {
  return above.map((value, round) => value / (below[round] ?? Number.NaN));
}

export function measured(figure: Figure, samples: readonly number[], detail: string): Measurement {
  return { figure, value: median(samples), samples, detail };
}

export function holds({ figure, value }: Measurement, bound: "must" | "aim"): boolean {
  return figure.bound === "at least" ? value >= figure[bound] : value <= figure[bound];
}
