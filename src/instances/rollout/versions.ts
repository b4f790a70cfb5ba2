import type { TemplateSpec } from "../group/spec.ts";
import { type Draft, type GroupState, type Instance, revisionOf } from "../group/state.ts";

/** Which version how many instances are to have, and which have another. */

export interface Version {
  readonly revision: number;
  readonly template: TemplateSpec;
  readonly size: number;
}

/**
 * The versions of a managed group with their sizes, which together are the target size. The one without a size of its own comes first and
 * gets what the others leave; those have at most what there is (Google: "the minimum of either").
 */
export function versionsOf({ spec, templates }: Pick<GroupState, "spec" | "templates">): Version[] {
  const { managed } = spec;
  if (!managed) return [];
  let left = managed.targetSize;
  const canaries = (managed.canaries ?? []).map(({ template, size }) => {
    const granted = Math.min(size, left);
    left -= granted;
    return { revision: revisionOf(templates, template) ?? 0, template, size: granted };
  });
  const open = { revision: revisionOf(templates, managed.template) ?? 0, template: managed.template, size: left };
  // Two versions of one template are one.
  const same = canaries.filter(({ revision }) => revision === open.revision);
  const size = open.size + same.reduce((sum, version) => sum + version.size, 0);
  return [{ ...open, size }, ...canaries.filter(({ revision }) => revision !== open.revision)];
}

export interface Difference {
  /** Revisions that are wanted and not there, one entry for each instance that is to have it. */
  readonly missing: readonly number[];
  /** Instances beyond what their version is to have, those first whose loss costs least. */
  readonly surplus: readonly Instance[];
}

/** `staying` in the order in which they would be given up. */
export function differenceOf(versions: readonly Version[], staying: readonly Instance[]): Difference {
  const wanted = new Map(versions.map(({ revision, size }) => [revision, size]));
  const kept = new Map<number, number>();
  const surplus: Instance[] = [];
  for (const instance of staying.toReversed()) {
    const revision = instance.templateRevision ?? 0;
    const count = kept.get(revision) ?? 0;
    if (count >= (wanted.get(revision) ?? 0)) surplus.unshift(instance);
    else kept.set(revision, count + 1);
  }
  const missing = versions.flatMap(({ revision, size }) =>
    Array.from({ length: Math.max(0, size - (kept.get(revision) ?? 0)) }, () => revision),
  );
  return { missing, surplus };
}

/** Whether each version has exactly the instances that it is to have. */
export function isReached(versions: readonly Version[], staying: readonly Instance[]): boolean {
  const { missing, surplus } = differenceOf(versions, staying);
  return missing.length === 0 && surplus.length === 0;
}

/** Running, and HEALTHY by every probe that is made of it (Google's "available", with the load balancers' checks as well). */
export function isAvailable({ spec }: Pick<Draft, "spec">, { health, phase }: Instance): boolean {
  return phase.is === "running" && phase.verified && spec.probes.every(({ id }) => health[id] === "HEALTHY");
}
