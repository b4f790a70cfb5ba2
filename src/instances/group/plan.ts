import { planIntents } from "../rollout/intents.ts";
import { forgetTemplates, planSize } from "../rollout/plan.ts";
import { planAutoscaling } from "../scale/group.ts";
import { take } from "./facts.ts";
import { mendTimes, planInstance, planList, planRelease } from "./lifecycle.ts";
import { planMembers } from "./members.ts";
import { forgetHealth, planProbes } from "./probing.ts";
import { closeDraft, isManaged, openDraft, wakeBy } from "./state.ts";
import type { Action, Context, Fact, GroupState } from "./state.ts";
import { watchdogMs } from "./times.ts";

export interface Plan {
  readonly state: GroupState;
  /** To be started at once, in any order, each independent of the others. The state must be stored before. */
  readonly actions: readonly Action[];
  /** When to plan again if no fact arrives before; Infinity when nothing is due. */
  readonly wakeAtMs: number;
}

/** What a group does next: pure, and the same facts at the same time with the same randomness give the same plan. */
export function plan(state: GroupState, facts: readonly Fact[], context: Context): Plan {
  const draft = openDraft(state, context);
  mendTimes(draft);
  for (const fact of facts) take(draft, fact);
  planMembers(draft);
  planIntents(draft);
  planSize(draft);
  for (const instance of [...draft.instances.values()].filter(isManaged)) planInstance(draft, instance);
  planRelease(draft);
  planList(draft);
  forgetHealth(draft);
  planProbes(draft);
  forgetTemplates(draft);
  planAutoscaling(draft);
  if (draft.inFlight.size > 0) wakeBy(draft, context.now + watchdogMs);
  return { state: closeDraft(draft), actions: draft.actions, wakeAtMs: draft.wakeAtMs };
}
