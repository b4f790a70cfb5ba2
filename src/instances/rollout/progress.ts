import type { UpdateReport } from "../group/spec.ts";
import type { GroupState, Instance } from "../group/state.ts";
import { differenceOf, isAvailable, versionsOf } from "./versions.ts";
import { misplacedOf } from "./zones.ts";

/** How far an update, or a redistribution over zones, has come, and what it waits for. */

/** More would say the same. */
const mostWaits = 5;

export interface Progress {
  /** Instances that have another version, or other properties, than they are to have. */
  readonly outdated: number;
  /** Undefined where nothing is updated or moved by itself, or everything has been. */
  readonly update?: UpdateReport;
}

/** Of a managed group; `staying` are the instances that it is to have. */
export function progressOf(state: GroupState, staying: readonly Instance[]): Progress {
  const { managed } = state.spec;
  const versions = versionsOf(state);
  const { missing, surplus } = differenceOf(versions, staying);
  const outdated = surplus.length;
  const misplaced = new Set(misplacedOf(state));
  const updates = managed?.update?.type === "PROACTIVE" && (missing.length > 0 || outdated > 0);
  if (!managed || (!updates && misplaced.size === 0)) return { outdated };
  const wanted = new Set(versions.map(({ revision }) => revision));
  const isOfVersion = (instance: Instance): boolean => wanted.has(instance.templateRevision ?? 0) && !surplus.includes(instance);
  const arrived = staying.filter((instance) => !misplaced.has(instance) && (!updates || isOfVersion(instance)));
  const waits = arrived.filter((instance) => !isAvailable(state, instance)).map((instance) => whyNot(state, instance));
  return { outdated, update: { updated: arrived.length, size: managed.targetSize, waits: waits.slice(0, mostWaits) } };
}

/** Why an instance of the wanted version does not count as available. */
function whyNot(state: GroupState, { name, health, phase, lastError, templateRevision }: Instance): string {
  const template = state.templates.get(templateRevision ?? 0)?.name ?? "no template";
  const subject = `${name} of ${template}`;
  if (phase.is !== "running") return `${subject} does not run yet${lastError === undefined ? "" : `: ${lastError}`}`;
  const failing = state.spec.probes.find(({ id }) => health[id] !== "HEALTHY");
  return failing ? `${subject} is ${health[failing.id] ?? "UNKNOWN"} by ${failing.healthCheck}` : `${subject} is being verified`;
}
