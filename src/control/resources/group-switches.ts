import { UserError } from "#base/errors.ts";
import type { JsonObject } from "#base/json.ts";
import { groupSource } from "#control/compiler/group-source.ts";
import { servingInstances } from "#control/compiler/traffic.ts";
import type { ResourceView } from "#control/compiler/view.ts";
import type { GroupKey } from "#instances/group/spec.ts";
import type { GroupSwitch, SwitchedInstance } from "#instances/switching/switch.ts";
import type { ResourceKey, Store } from "../store/store.ts";
import type { Call } from "./context.ts";
import { healthOf } from "./instance-health.ts";

/** Switches of groups, as they are kept: one resource of an internal collection each. */
export const groupSwitchesCollection = "groupSwitches";

export interface StoredSwitch {
  readonly key: ResourceKey;
  readonly name: string;
  readonly run: GroupSwitch;
}

/** All of them, the oldest first. */
export function allSwitches(store: Pick<Store, "list">): readonly StoredSwitch[] {
  const stored = store.list(groupSwitchesCollection).map(({ key, name, resource }) => ({ key, name, run: switchOf(resource) }));
  return stored.toSorted((a, b) => a.run.startedAtMs - b.run.startedAtMs);
}

/** Those that go on. */
export function activeSwitches(store: Pick<Store, "list">): readonly StoredSwitch[] {
  return allSwitches(store).filter(({ run }) => isActive(run));
}

export function switchOf(resource: JsonObject): GroupSwitch {
  return resource as unknown as GroupSwitch;
}

export function isActive({ phase }: GroupSwitch): boolean {
  return phase === "SWITCHING" || phase === "RETURNING";
}

/** Throws `UserError` while the group is being switched: who changes its states by hand would be overruled. */
export function refuseSwitched({ context }: Call, group: GroupKey): void {
  const active = activeSwitches(context.store).find(({ run }) => run.from === group || run.to === group);
  if (!active) return;
  throw new UserError({
    code: "failedPrecondition",
    field: "group",
    message: `The group '${group}' is being switched by '${active.name}'; wait until that ends, or have it return: POST groupSwitches/${active.name}/return.`,
  });
}

/** The instances of both groups that take part in traffic. */
export function switchedInstances(view: ResourceView, { from, to }: Pick<GroupSwitch, "from" | "to">): readonly SwitchedInstance[] {
  const of = (group: SwitchedInstance["group"], key: GroupKey): SwitchedInstance[] => {
    const source = groupSource(view, key);
    const serving = source ? servingInstances(view, source) : [];
    return serving.map(({ instance, lease, servingState }) => ({
      group,
      name: instance.name,
      state: servingState,
      isReady: healthOf(instance, lease) === "HEALTHY",
    }));
  };
  return [...of("from", from), ...of("to", to)];
}
