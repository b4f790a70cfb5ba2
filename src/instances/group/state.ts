import { sameJson } from "#base/json.ts";
import type { Random } from "#base/random.ts";
import type { FleetState } from "../fleet.ts";
import type { ProbeOutcome, ProbeRecord } from "../health/plan.ts";
import { noScaling, type ScalingState } from "../scale/plan.ts";
import type { Signals } from "../scale/spec.ts";
import type { CreationReport, GroupSpec, HealthState, InstanceConfig, ProbeSpec, TemplateSpec } from "./spec.ts";

/** The planner's vocabulary: what a group knows, the facts that change it, and the actions that follow. */

/**
 * Where an instance is in its life. Times are due times in milliseconds since the epoch.
 *   creating → running ⇄ replacing → creating …        running → draining → ending → (gone), or replacing, or halting → halted → creating
 */
export type Phase =
  /**
   * To be made in the fleet. `started`: a call to make it has been sent. `again`: it takes the place of one that ended. `as`: where it is
   * neither made for the first time nor recreated.
   */
  | {
      readonly is: "creating";
      readonly again: boolean;
      readonly started: boolean;
      readonly dueAtMs: number;
      readonly as?: "RESTARTING" | "STARTING" | "RESUMING";
    }
  /** `verified`: it has been HEALTHY for autohealing once, or nothing asks that of it. */
  | { readonly is: "running"; readonly sinceMs: number; readonly verified: boolean }
  /** What is left of it is removed from the fleet; then it is made again, not before `restartAtMs`. `ended`: by itself, else as unhealthy. */
  | {
      readonly is: "replacing";
      readonly ended: boolean;
      readonly dueAtMs: number;
      readonly restartAtMs: number;
      /** It stays the same VM, with its id (Google's RESTART). */
      readonly restarts?: boolean;
    }
  /**
   * Out of the endpoints. With `endAtMs` no proxy sends to it any more and only requests in flight are waited for. `then` absent: it goes for
   * good.
   */
  | {
      readonly is: "draining";
      readonly sinceMs: number;
      readonly endAtMs?: number;
      readonly then?: Afterwards;
      readonly byUpdate?: boolean;
    }
  | { readonly is: "ending"; readonly dueAtMs: number; readonly byUpdate?: boolean }
  /** Its process is being ended, or made to stand still, and the instance kept. */
  | { readonly is: "halting"; readonly dueAtMs: number; readonly suspends: boolean }
  /** `failed`: it ended by itself, and is not repaired. */
  | { readonly is: "halted"; readonly suspended: boolean; readonly failed?: boolean }
  /** Runs on, and is the group's no more. */
  | { readonly is: "abandoned" };

/** What becomes of an instance that is drained and stays the group's. */
export type Afterwards =
  | { readonly to: "again"; readonly revision: number; readonly restarts: boolean }
  | { readonly to: "halt"; readonly suspends: boolean };

export interface Instance {
  readonly name: string;
  /** Decimal, unique for ever in the group; a replaced instance keeps its name and gets a new id. */
  readonly id: string;
  readonly createdAtMs: number;
  readonly phase: Phase;
  /** Absent: the zone of the group. */
  readonly zone?: string;
  /** Empty until the fleet has answered. */
  readonly address: string;
  readonly port?: number;
  /** Which of the group's templates it was made from; absent for members that nobody manages. */
  readonly templateRevision?: number;
  /** The config that it has, which may differ from the one that is wanted. */
  readonly config?: InstanceConfig;
  /** By `ProbeSpec.id`; absent means UNKNOWN. */
  readonly health: Readonly<Record<string, HealthState>>;
  /** By `ProbeSpec.id`: when its health last became HEALTHY. */
  readonly healthySinceMs?: Readonly<Record<string, number>>;
  /** Ends and failed starts in a row, for the backoff. */
  readonly failures: number;
  readonly lastError?: string;
}

/** What is kept in memory alone: losing it costs a repeated call, never a wrong one. */
interface Memory {
  /** Keys of the actions that have not yet come back as a fact. */
  readonly inFlight: ReadonlySet<string>;
  /** By `probeKey`. */
  readonly probes: ReadonlyMap<string, ProbeRecord>;
  readonly listDueAtMs: number;
  readonly releaseDueAtMs: number;
  readonly scaling: ScalingState;
  /** Of the last instances that were decided on together. */
  readonly creation?: CreationReport;
}

export interface GroupState {
  readonly spec: GroupSpec;
  /** Highest id given so far. */
  readonly lastId: string;
  /** By revision; those of the specification, and others while an instance is made from them. */
  readonly templates: ReadonlyMap<number, TemplateSpec>;
  /** Id of the last intent that was carried out. */
  readonly intentsDone?: number;
  /** See `GroupReport`. */
  readonly goodTemplates?: readonly string[];
  /** By name. The same map means that nothing of any instance has changed. */
  readonly instances: ReadonlyMap<string, Instance>;
  readonly memory: Memory;
}

/** Something that happened. Facts about an id that is no longer there are ignored. */
export type Fact =
  | { readonly kind: "created"; readonly key: string; readonly id: string; readonly state: FleetState }
  | { readonly kind: "createFailed"; readonly key: string; readonly id: string; readonly error: string }
  | { readonly kind: "deleted"; readonly key: string; readonly id: string }
  | { readonly kind: "suspended"; readonly key: string; readonly id: string }
  /** Neither was it deleted, nor suspended. */
  | { readonly kind: "deleteFailed"; readonly key: string; readonly id: string; readonly error: string }
  | { readonly kind: "exited"; readonly id: string; readonly exit: string }
  | { readonly kind: "listed"; readonly key: string; readonly askedAtMs: number; readonly states: readonly FleetState[] }
  | { readonly kind: "listFailed"; readonly key: string }
  | { readonly kind: "measured"; readonly signals: Signals }
  | { readonly kind: "released"; readonly key: string; readonly names: readonly string[]; readonly released: boolean }
  | {
      readonly kind: "probed";
      readonly key: string;
      readonly id: string;
      readonly probeId: string;
      readonly startedAtMs: number;
      readonly outcome: ProbeOutcome;
    };

/** Something to do. Each ends in exactly one fact with its `key`, until when it is not asked for again. */
export type Action =
  | { readonly kind: "create"; readonly key: string; readonly instance: Instance; readonly template: TemplateSpec }
  | { readonly kind: "delete" | "suspend"; readonly key: string; readonly name: string; readonly id: string }
  | { readonly kind: "list"; readonly key: string }
  | { readonly kind: "askReleased"; readonly key: string; readonly names: readonly string[] }
  | {
      readonly kind: "probe";
      readonly key: string;
      readonly id: string;
      readonly probe: ProbeSpec;
      readonly target: { readonly address: string; readonly port: number };
    };

export interface Context {
  readonly now: number;
  readonly random: Random;
  /** Whether instances can be made at all; otherwise they wait to join. */
  readonly hasFleet: boolean;
}

/** A state under change within one call of the planner. The state it came from stays as it was: `put` and `remove` copy the instances first. */
export interface Draft extends Context {
  readonly spec: GroupSpec;
  lastId: string;
  templates: ReadonlyMap<number, TemplateSpec>;
  intentsDone: number;
  goodTemplates: readonly string[];
  instances: ReadonlyMap<string, Instance>;
  /** The copy that `instances` is once something has changed. */
  changed?: Map<string, Instance>;
  readonly inFlight: Set<string>;
  probes: Map<string, ProbeRecord>;
  listDueAtMs: number;
  releaseDueAtMs: number;
  scaling: ScalingState;
  creation: CreationReport | undefined;
  readonly actions: Action[];
  wakeAtMs: number;
}

const emptyMemory: Memory = { inFlight: new Set(), probes: new Map(), listDueAtMs: 0, releaseDueAtMs: 0, scaling: noScaling };

/** A group under a new specification; the first one makes the group, and what is in memory alone starts empty. */
export function withSpec(state: Omit<GroupState, "memory"> | GroupState | undefined, spec: GroupSpec): GroupState {
  return {
    ...state,
    spec,
    lastId: state?.lastId ?? "0",
    templates: withTemplates(state?.templates ?? new Map<number, TemplateSpec>(), spec),
    instances: state?.instances ?? new Map<string, Instance>(),
    memory: state && "memory" in state ? state.memory : emptyMemory,
  };
}

/** Every template of the specification has a revision; one that is not there yet gets the next. */
function withTemplates(templates: GroupState["templates"], { managed }: GroupSpec): GroupState["templates"] {
  let all = templates;
  for (const template of managed ? [managed.template, ...(managed.canaries ?? []).map((canary) => canary.template)] : []) {
    if (revisionOf(all, template) === undefined) all = new Map(all).set(Math.max(0, ...all.keys()) + 1, template);
  }
  return all;
}

/** The newest revision that is this template. */
export function revisionOf(templates: GroupState["templates"], template: TemplateSpec): number | undefined {
  return [...templates].findLast(([, known]) => sameJson(known, template))?.[0];
}

export function openDraft(state: GroupState, context: Context): Draft {
  const { memory } = state;
  return {
    ...context,
    spec: state.spec,
    lastId: state.lastId,
    templates: state.templates,
    intentsDone: state.intentsDone ?? 0,
    goodTemplates: state.goodTemplates ?? [],
    instances: state.instances,
    inFlight: new Set(memory.inFlight),
    probes: new Map(memory.probes),
    listDueAtMs: memory.listDueAtMs,
    releaseDueAtMs: memory.releaseDueAtMs,
    scaling: memory.scaling,
    creation: memory.creation,
    actions: [],
    wakeAtMs: Number.POSITIVE_INFINITY,
  };
}

export function closeDraft(draft: Draft): GroupState {
  const {
    spec,
    lastId,
    templates,
    instances,
    inFlight,
    probes,
    listDueAtMs,
    releaseDueAtMs,
    intentsDone,
    goodTemplates,
    scaling,
    creation,
  } = draft;
  return {
    spec,
    lastId,
    templates,
    instances,
    ...(intentsDone > 0 && { intentsDone }),
    ...(goodTemplates.length > 0 && { goodTemplates }),
    memory: { inFlight, probes, listDueAtMs, releaseDueAtMs, scaling, ...(creation && { creation }) },
  };
}

function changing(draft: Draft): Map<string, Instance> {
  draft.changed ??= new Map(draft.instances);
  draft.instances = draft.changed;
  return draft.changed;
}

/** Adds an instance or replaces the one of that name. */
export function put(draft: Draft, instance: Instance): void {
  changing(draft).set(instance.name, instance);
}

export function remove(draft: Draft, name: string): void {
  changing(draft).delete(name);
}

export function byId(draft: Draft, id: string): Instance | undefined {
  for (const instance of draft.instances.values()) if (instance.id === id) return instance;
  return undefined;
}

/** Sees to it that the planner is called again by then. */
export function wakeBy(draft: Draft, atMs: number): void {
  if (atMs < draft.wakeAtMs) draft.wakeAtMs = atMs;
}

/** Asks for an action unless the same is in flight already. */
export function act(draft: Draft, action: Action): boolean {
  if (draft.inFlight.has(action.key)) return false;
  draft.inFlight.add(action.key);
  draft.actions.push(action);
  return true;
}

/** Key of both calls about one VM, so that a second is not sent while the first is in flight. */
export function fleetKey(id: string): string {
  return `fleet ${id}`;
}

/** Key of one probe of one instance, and of its counters. */
export function probeKey(id: string, probeId: string): string {
  return `probe ${id} ${probeId}`;
}

/** How many actions of a kind are in flight, by the first word of their keys. */
export function countInFlight(draft: Draft, word: "fleet" | "probe"): number {
  let count = 0;
  for (const key of draft.inFlight) if (key.startsWith(`${word} `)) count++;
  return count;
}

/** The zone of an instance; a zonal group has one. */
export function zoneOf({ spec }: Pick<GroupState, "spec">, { zone }: Instance): string {
  return zone ?? spec.zone;
}

/** Whether the group makes and ends this instance itself. */
export function isManaged(instance: Instance): boolean {
  return instance.templateRevision !== undefined && instance.phase.is !== "abandoned";
}

/** Whether the instance is on its way out. */
function isLeaving({ phase }: Instance): boolean {
  return phase.is === "ending" || (phase.is === "draining" && phase.then === undefined);
}

/** Whether it counts among those that the group is to have: managed, not on its way out, neither stopped nor about to be. */
export function isStaying(instance: Instance): boolean {
  const { phase } = instance;
  const halts =
    (phase.is === "halted" && phase.failed !== true) || phase.is === "halting" || (phase.is === "draining" && phase.then?.to === "halt");
  return isManaged(instance) && !isLeaving(instance) && !halts;
}
