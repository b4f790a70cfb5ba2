import { sameJson } from "#base/json.ts";
import type { TemplateSpec, UpdateAction } from "../group/spec.ts";

/** How far an instance must be disturbed to become what another template says. */

const actions: readonly UpdateAction[] = ["NONE", "REFRESH", "RESTART", "REPLACE"];

/**
 * The least that makes the difference felt: labels and tags are the group's own knowledge, metadata (the start-up script above all) and the
 * machine type reach a process only when it starts.
 */
export function neededAction(from: TemplateSpec | undefined, to: TemplateSpec): UpdateAction {
  if (!from) return "REPLACE";
  if (!sameJson(from.metadata, to.metadata) || from.machineType !== to.machineType) return "RESTART";
  return sameJson(from.labels, to.labels) && sameJson(from.tags, to.tags) ? "NONE" : "REFRESH";
}

export interface Bounds {
  readonly minimalAction: UpdateAction;
  readonly mostDisruptive: UpdateAction;
}

/** What is done: what is needed, or the minimal action where that is more; undefined where more is needed than is allowed (Google). */
export function actionFor(needed: UpdateAction, { minimalAction, mostDisruptive }: Bounds): UpdateAction | undefined {
  if (isMore(needed, mostDisruptive)) return undefined;
  return isMore(minimalAction, needed) ? minimalAction : needed;
}

export function isMore(a: UpdateAction, b: UpdateAction): boolean {
  return actions.indexOf(a) > actions.indexOf(b);
}
