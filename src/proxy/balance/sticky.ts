import { xxHash64 } from "#base/xxhash.ts";
import type { Target } from "./balancer.ts";

/**
 * The name of an endpoint in a cookie: stays the same while the endpoint does, and tells the caller nothing of the inside of the mesh. It is
 * no secret: who guesses one reaches an endpoint that takes any request anyway.
 */
export function stickyId({ key }: Target): string {
  return xxHash64(key).toString(16).padStart(16, "0");
}

/** Finds healthy endpoints by the cookies that name them. */
export class StickyIndex {
  readonly #tiers: readonly Seat[];
  /** Made when first needed. */
  #byId: ReadonlyMap<string, Target> | undefined;

  constructor(tiers: readonly Seat[]) {
    this.#tiers = tiers;
  }

  find(id: string): Target | undefined {
    this.#byId ??= new Map(this.#tiers.flatMap(targetsOf).map((target) => [stickyId(target), target]));
    return this.#byId.get(id);
  }
}

/** A tier of endpoints, wherever it stands. */
interface Seat {
  readonly tier: { readonly groups: readonly { readonly healthy: readonly Target[] }[] };
}

/** One of less weight is to be left by its callers, and is named by cookies only where there are no others. */
function targetsOf({ tier }: Seat): readonly Target[] {
  const all = tier.groups.flatMap(({ healthy }) => healthy);
  const whole = all.filter(({ endpoint }) => endpoint.weight === undefined);
  return whole.length > 0 ? whole : all;
}
