import type { PickContext, Target } from "./balancer.ts";

/** What every policy has in common: a choice is an available target that was not tried, else one that was, else none. */

/** Whether the target may be taken without second thoughts. */
export function isFresh(target: Target, { tried, isAvailable }: PickContext): boolean {
  return (tried.size === 0 || !tried.has(target.key)) && isAvailable(target);
}

/** The first fresh target of `order`; where there is none, the first available one. */
export function firstFit(order: Iterable<Target>, context: PickContext): Target | undefined {
  let secondChoice: Target | undefined;
  for (const target of order) {
    if (isFresh(target, context)) return target;
    if (!secondChoice && context.isAvailable(target)) secondChoice = target;
  }
  return secondChoice;
}
