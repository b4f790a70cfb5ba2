import type { Intent } from "../group/spec.ts";
import { isStaying, put } from "../group/state.ts";
import type { Draft, Instance } from "../group/state.ts";
import { again, halt, leave } from "./moves.ts";
import { grow, inOrderOfLoss, managedOf, nextRevision, outdatedOf, revisionFor } from "./plan.ts";
import { differenceOf, versionsOf } from "./versions.ts";

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
    for (const name of intent.names) if (!draft.instances.has(name)) grow(draft, nextRevision(draft), name);
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

/** Google's `applyUpdatesToInstances`: those named that do not have the version that they are to have, at once. */
function updateNow(draft: Draft, { names, minimalAction, mostDisruptive }: Extract<Intent, { kind: "update" }>): void {
  const difference = differenceOf(versionsOf(draft), inOrderOfLoss(draft));
  const meant = names && new Set(names);
  const chosen = { ...difference, surplus: difference.surplus.filter(({ name }) => meant?.has(name) ?? true) };
  for (const [index, { instance, action }] of outdatedOf(draft, chosen, { minimalAction, mostDisruptive }).entries()) {
    const revision = difference.missing[index] ?? nextRevision(draft);
    if (action === "NONE" || action === "REFRESH") put(draft, { ...instance, templateRevision: revision });
    else again(draft, instance, { revision, restarts: action === "RESTART" });
  }
}
