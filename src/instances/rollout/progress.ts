import type { UpdateReport } from "../group/spec.ts";
import { type GroupState, type Instance, isStaying } from "../group/state.ts";
import { differenceOf, isAvailable, versionsOf } from "./versions.ts";

/** How far an update has come, and what it waits for. */

/** More would say the same. */
const mostWaits = 5;

/** Undefined where nothing is updated by itself, or everything has been. */
export function updateOf(state: GroupState): UpdateReport | undefined {
  const { managed } = state.spec;
  if (managed?.update?.type !== "PROACTIVE") return undefined;
  const staying = [...state.instances.values()].filter(isStaying);
  const versions = versionsOf(state);
  const { missing, surplus } = differenceOf(versions, staying);
  if (missing.length === 0 && surplus.length === 0) return undefined;
  const wanted = new Set(versions.map(({ revision }) => revision));
  const arrived = staying.filter((instance) => wanted.has(instance.templateRevision ?? 0) && !surplus.includes(instance));
  const waits = arrived.filter((instance) => !isAvailable(state, instance)).map((instance) => whyNot(state, instance));
  return { updated: arrived.length, size: managed.targetSize, waits: waits.slice(0, mostWaits) };
}

/** Why an instance of the wanted version does not count as available. */
function whyNot(state: GroupState, { name, health, phase, lastError, templateRevision }: Instance): string {
  const template = state.templates.get(templateRevision ?? 0)?.name ?? "no template";
  const subject = `${name} of ${template}`;
  if (phase.is !== "running") return `${subject} does not run yet${lastError === undefined ? "" : `: ${lastError}`}`;
  const failing = state.spec.probes.find(({ id }) => health[id] !== "HEALTHY");
  return failing ? `${subject} is ${health[failing.id] ?? "UNKNOWN"} by ${failing.healthCheck}` : `${subject} is being verified`;
}
