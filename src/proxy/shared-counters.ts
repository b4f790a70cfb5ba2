import { xxHash64 } from "#base/xxhash.ts";
import type { MeshLimit } from "#ir/route.ts";
import type { CountTogether } from "./rate-limiter.ts";

/**
 * Rate limits that all proxies of a mesh count together, in Cloudflare's rate-limit bindings. Asking one is no call to anywhere: its counters are
 * in the memory of the machine, and are brought into line with those of the other machines of the location in the background. In return they
 * are of the location, and a little behind.
 *
 * How many a binding lets through is said when it is deployed, while limits come and go. So every proxy has the same bindings, one for each
 * of a row of numbers, like coins, and a limit is the sum of some of them: who finds the first of them used up asks the next. What comes through
 * is exactly what the limit says, and a change of a limit needs no deployment.
 */

/** A binding, as far as it is used. */
interface RateLimitBinding {
  limit(options: { readonly key: string }): Promise<{ readonly success: boolean }>;
}

/** One binding, as it is to be declared. */
interface CounterBinding {
  readonly name: BindingName;
  /** Bindings of the same namespace count together, whichever Worker they belong to. A number, as Cloudflare has it. */
  readonly namespace: string;
  /** So many in `periodSec` for each key. */
  readonly requests: number;
  readonly periodSec: Period;
}

const periods: readonly Period[] = [10, 60];

/** Largest first. People's numbers are sums of few of them; above them the largest is taken several times. */
const sizes: readonly number[] = [50_000, 20_000, 10_000, 5_000, 2_000, 1_000, 500, 200, 100, 50, 20, 10, 5, 2, 1];

/** Set apart from the small numbers that people give to namespaces of their own. */
const firstNamespace = 870_000_000;

/** All bindings that a proxy needs, to be declared by whoever deploys or runs one. */
export const counterBindings: readonly CounterBinding[] = periods.flatMap((periodSec) =>
  sizes.map((requests) => ({
    name: nameOf(requests, periodSec),
    namespace: String(firstNamespace + requests * 100 + periodSec),
    requests,
    periodSec,
  })),
);

type Period = MeshLimit["periodSec"];
type BindingName = `RATE_${number}_PER_${Period}S`;

/** The bindings of a proxy's environment; all of `counterBindings`, or none. */
export type CounterBindings = { readonly [Name in BindingName]?: RateLimitBinding };

function nameOf(requests: number, periodSec: Period): BindingName {
  return `RATE_${requests}_PER_${periodSec}S`;
}

/** Counts a project's limits by the bindings that there are; undefined when one is missing. */
export function countersOf(project: string, bindings: CounterBindings): CountTogether | undefined {
  if (!counterBindings.every(({ name }) => bindings[name])) return undefined;
  const counters = new SharedCounters(project, bindings);
  return (limit, value) => counters.take(limit, value);
}

/** A value of a header can be long; a key of a counter better is not. */
const longestValue = 128;

class SharedCounters {
  readonly #project: string;
  readonly #bindings: CounterBindings;
  /** By number and period: which bindings are asked, one after the other. */
  readonly #parts = new Map<string, readonly Part[]>();

  constructor(project: string, bindings: CounterBindings) {
    this.#project = project;
    this.#bindings = bindings;
  }

  async take({ key, requests, periodSec }: MeshLimit, value: string): Promise<boolean> {
    const who = value.length > longestValue ? xxHash64(value).toString(16) : value;
    for (const { binding, suffix } of this.#partsOf(requests, periodSec)) {
      const { success } = await binding.limit({ key: `${this.#project} ${key}${suffix} ${who}` });
      if (success) return true;
    }
    return false;
  }

  #partsOf(requests: number, periodSec: Period): readonly Part[] {
    const name = `${requests}/${periodSec}`;
    const known = this.#parts.get(name);
    if (known) return known;
    const parts = partsOf(requests).flatMap((size, place, all) => {
      const binding = this.#bindings[nameOf(size, periodSec)];
      return binding ? [{ binding, suffix: all[place - 1] === size ? `/${place}` : "" }] : [];
    });
    this.#parts.set(name, parts);
    return parts;
  }
}

interface Part {
  readonly binding: RateLimitBinding;
  /** Of the key: tells two counters of one binding apart. */
  readonly suffix: string;
}

/** The numbers whose sum is `requests`, as few as there can be, largest first. */
export function partsOf(requests: number): readonly number[] {
  const parts: number[] = [];
  let left = requests;
  for (const size of sizes) {
    for (; left >= size; left -= size) parts.push(size);
  }
  return parts;
}
