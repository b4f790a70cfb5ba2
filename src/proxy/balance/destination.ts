import type { Random } from "#base/random.ts";
import type { Destination } from "#ir/route.ts";

/** One destination, by weight; undefined when no destination has any. `totalWeight` is the sum of the weights. */
export function pickDestination(destinations: readonly Destination[], totalWeight: number, random: Random): Destination | undefined {
  if (!(totalWeight > 0)) return undefined;
  let rest = random.float() * totalWeight;
  for (const destination of destinations) {
    rest -= destination.weight;
    if (rest < 0) return destination;
  }
  // Rounding can leave a crumb behind the last.
  return destinations.findLast((destination) => destination.weight > 0);
}
