import type { Intent } from "../group/spec.ts";
import { isStaying, put } from "../group/state.ts";
import type { Draft, Instance } from "../group/state.ts";
import { actionFor } from "./actions.ts";
import { actionToConfigure, configured, isConfigPending } from "./configs.ts";
import { again, halt, leave } from "./moves.ts";
import { inOrderOfLoss } from "./order.ts";
import { grow, managedOf, nextRevision, revisionFor } from "./plan.ts";
import { differenceOf, versionsOf } from "./versions.ts";
import { zonesToFill } from "./zones.ts";

/**
 * What the verbs of a manager ask of single instances. The specification carries them until they are carried out, each once, by its id, so
 * that a repeated or a late specification does nothing twice. Unlike an update by policy they keep to no surge and no availability: who
 * names an instance means it.
 */

export function planIntents(draft: Draft): void {
  const { kind, managed } = draft.spec;
  for (const intent of (kind === "managed" && managed?.intents) || []) {
    if (intent.id <= draft.intentsDone) continue;
    carryOut(draft, intent);
    draft.intentsDone = intent.id;
  }
}

function carryOut(draft: Draft, intent: Intent): void {
  if (intent.kind === "update") return updateNow(draft, intent);
  if (intent.kind === "create") {
    const nextZone = zonesToFill(draft);
    const names = intent.names.filter((name) => !draft.instances.has(name));
    for (const name of names) grow(draft, { revision: nextRevision(draft), zone: nextZone(), name });
    return;
  }
  for (const instance of managedOf(draft, intent.names)) steps[intent.kind](draft, instance);
}

type NamedKind = Exclude<Intent["kind"], "update" | "create">;

const steps: Readonly<Record<NamedKind, (draft: Draft, instance: Instance) => void>> = {
  recreate: (draft, instance) => {
    if (isStaying(instance)) again(draft, instance, { revision: revisionFor(draft, instance), restarts: false });
  },
  delete: (draft, instance) => {
    if (isStaying(instance) || isHalted(instance)) leave(draft, instance);
  },
  abandon: (draft, instance) => put(draft, { ...instance, phase: { is: "abandoned" } }),
  stop: (draft, instance) => {
    if (isStaying(instance) || isHalted(instance)) halt(draft, instance, false);
  },
  suspend: (draft, instance) => {
    if (isStaying(instance)) halt(draft, instance, true);
  },
  start: (draft, instance) => {
    const { phase } = instance;
    if (phase.is !== "halted") return;
    const as = phase.suspended ? "RESUMING" : "STARTING";
    put(draft, { ...instance, phase: { is: "creating", again: true, started: false, dueAtMs: draft.now, as } });
  },
};

function isHalted({ phase }: Instance): boolean {
  return phase.is === "halted" || phase.is === "halting";
}

/** Google's `applyUpdatesToInstances`: those named that do not have the version or the config that they are to have, at once. */
function updateNow(draft: Draft, { names, ...bounds }: Extract<Intent, { kind: "update" }>): void {
  const staying = inOrderOfLoss(draft);
  const difference = differenceOf(versionsOf(draft), staying);
  const missing = [...difference.missing];
  const surplus = new Set(difference.surplus);
  const meant = names && new Set(names);
  for (const instance of staying.filter(({ name }) => meant?.has(name) ?? true)) {
    const other = surplus.has(instance) ? missing[0] : undefined;
    if (other === undefined && !isConfigPending(draft, instance)) continue;
    const revision = other ?? instance.templateRevision ?? 0;
    const to = draft.templates.get(revision);
    const action = to && actionFor(actionToConfigure(draft, instance, to), bounds);
    if (action === undefined) continue;
    if (other !== undefined) missing.shift();
    if (action === "NONE" || action === "REFRESH") put(draft, { ...configured(draft, instance), templateRevision: revision });
    else again(draft, instance, { revision, restarts: action === "RESTART" });
  }
}
