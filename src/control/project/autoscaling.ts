import type { GroupKey, GroupReport } from "#instances/group/spec.ts";
import type { AutoscalingSpec, BackendLoad } from "#instances/scale/spec.ts";
import { managerOf } from "#control/compiler/autoscaling.ts";
import { autoscalers } from "#model/compute/autoscalers.ts";
import type { Command } from "../command.ts";
import { groupKeyOfManager, managerKeyOf } from "../resources/derived.ts";
import { collectionOf, nameOf, scopeOf } from "../resources/names.ts";
import { GroupLoad } from "../status/group-load.ts";
import type { ReportedProxy } from "../bus.ts";
import type { GroupTarget } from "./groups.ts";
import type { ProjectState } from "./state.ts";

/** What the audit log and operations name for resizes that nobody asked for. */
const autoscalerUser = "autoscaler";

/** A group is told of its load this often at the most. */
const measureEveryMs = 5_000;

/**
 * The resize that a group's report asks for; undefined when there is none. The Project object is the one owner of the size: a report speaks only
 * of the specification that it answers, and the resize makes another, so that no report can lead to two of them.
 */
export function resizeOf(project: string, report: GroupReport, target: GroupTarget | undefined): Command | undefined {
  const { scaling } = report;
  const { managed, version } = target?.spec ?? {};
  if (!scaling || !managed?.autoscaling || version !== report.specVersion) return undefined;
  if (!allows(managed.autoscaling, managed.targetSize, scaling.recommendedSize)) return undefined;
  const key = managerKeyOf(report.key);
  return {
    project,
    scope: scopeOf(key),
    collection: collectionOf(key),
    name: nameOf(key),
    verb: "resize",
    query: { size: String(scaling.recommendedSize) },
    user: autoscalerUser,
  };
}

function allows({ mode }: AutoscalingSpec, size: number, recommended: number): boolean {
  if (mode === "OFF") return false;
  return mode === "ON" ? recommended !== size : recommended > size;
}

/** The groups that have an autoscaler. */
export function scaledGroups({ view, groups }: Pick<ProjectState, "view" | "groups">): readonly GroupTarget[] {
  return view.list("autoscalers").flatMap(({ resource }) => {
    const manager = managerOf(view, autoscalers.read(resource));
    return (manager === undefined ? undefined : groups.target(groupKeyOfManager(manager))) ?? [];
  });
}

/** What proxies report of requests, on its way to the groups that are sized by it. Droppable, and in memory alone. */
export class LoadFeed {
  readonly #load = new GroupLoad();
  readonly #toldAtMs = new Map<GroupKey, number>();

  accept(reports: readonly ReportedProxy[], now: number): void {
    this.#load.accept(reports, now);
  }

  /** What groups got lately, by way of any backend service. */
  attempts(groups: readonly GroupKey[], now: number): ReturnType<GroupLoad["attempts"]> {
    return this.#load.attempts(groups, now);
  }

  /** What the groups among `targets` are to be told now. */
  due(targets: readonly GroupTarget[], now: number): { readonly key: GroupKey; readonly loads: readonly BackendLoad[] }[] {
    return targets.flatMap(({ spec }) => {
      const { key } = spec;
      const backends = spec.managed?.autoscaling?.loadBalancing?.backends.filter(({ capacity }) => capacity.kind === "RATE") ?? [];
      const told = this.#toldAtMs.get(key);
      if (backends.length === 0 || (told !== undefined && now < told + measureEveryMs && now >= told)) return [];
      const loads = backends.flatMap(({ backendService }): BackendLoad[] => {
        const requestsPerSecond = this.#load.rateOf(key, backendService, now);
        return requestsPerSecond === undefined ? [] : [{ backendService, requestsPerSecond }];
      });
      if (loads.length === 0) return [];
      this.#toldAtMs.set(key, now);
      return [{ key, loads }];
    });
  }
}
