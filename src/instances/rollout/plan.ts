import { freeName, nextId } from "../group/names.ts";
import type { GroupSpec, UpdateAction, UpdateSpec } from "../group/spec.ts";
import { isManaged, isStaying, put, revisionOf } from "../group/state.ts";
import type { Draft, Instance } from "../group/state.ts";
import { actionFor, neededAction } from "./actions.ts";
import { isStateful, withConfig } from "./configs.ts";
import { again, leave } from "./moves.ts";
import { inOrderOfLoss } from "./order.ts";
import { type Difference, differenceOf, isAvailable, isReached, type Version, versionsOf } from "./versions.ts";
import { misplacedOf, zonesToFill } from "./zones.ts";

/** Brings a managed group to its size and its versions: who is made, who goes, and who is updated where it is. */

type Managed = NonNullable<GroupSpec["managed"]>;

/** Without a policy nothing is updated by itself. */
const opportunistic: UpdateSpec = {
  type: "OPPORTUNISTIC",
  method: "SUBSTITUTE",
  minimalAction: "REPLACE",
  mostDisruptive: "REPLACE",
  maxSurge: 1,
  maxUnavailable: 1,
};

/** An instance that is to become another version, and how. */
interface Outdated {
  readonly instance: Instance;
  readonly action: UpdateAction;
  /** It stays under its name; otherwise another is made beside it and takes its place. */
  readonly inPlace: boolean;
}

/** A group that is managed no longer keeps none of its instances. */
export function planSize(draft: Draft): void {
  const managed = draft.spec.kind === "managed" ? draft.spec.managed : undefined;
  if (managed) return planManaged(draft, managed);
  for (const instance of draft.instances.values()) {
    if (isStaying(instance) || instance.phase.is === "halted") leave(draft, instance);
  }
}

function planManaged(draft: Draft, managed: Managed): void {
  const versions = versionsOf(draft);
  // Most steps take in a probe with the expected result, of a group that has what it is to have: these order nothing.
  const present = [...draft.instances.values()].filter(isStaying);
  const misplaced = new Set(misplacedOf(draft));
  if (misplaced.size === 0 && isReached(versions, present)) return noteGood(draft, managed, present);
  const update = managed.update ?? opportunistic;
  const staying = inOrderOfLoss(draft);
  const updating = { difference: differenceWithout(misplaced, versions, staying), update, misplaced };
  const { difference } = updating;
  const superseded = supersededOf(draft, updating);
  const outdated = outdatedOf(draft, updating, superseded);
  const replaced = outdated.filter(({ inPlace }) => !inPlace);
  const going = [...replaced.map(({ instance }) => instance), ...superseded];
  const room = new Room(draft, { update, staying, size: managed.targetSize });
  const over = staying.length - managed.targetSize;
  if (shrink(draft, { staying, over, surge: update.maxSurge, isUpdating: going.length > 0, room })) return planManaged(draft, managed);
  const missing = [...difference.missing];
  for (const { instance, action } of outdated.filter(({ inPlace }) => inPlace)) {
    if (action === "NONE" || action === "REFRESH") put(draft, { ...instance, templateRevision: missing.shift() ?? 0 });
    else if (room.take(instance)) again(draft, instance, { revision: missing.shift() ?? 0, restarts: action === "RESTART" });
  }
  const wanted = Math.max(0, managed.targetSize - staying.length) + replaced.length;
  const allowed = managed.targetSize + update.maxSurge - staying.length - leavingByUpdate(draft);
  const count = Math.min(wanted, allowed, missing.length);
  const nextZone = count > 0 ? zonesToFill(draft) : undefined;
  for (let made = 0; made < count; made++) grow(draft, { revision: missing.shift() ?? 0, zone: nextZone?.() });
  for (const instance of going) {
    // One that serves nobody, and whose place is taken, is missed by nobody.
    const isIdle = superseded.includes(instance) && !isAvailable(draft, instance);
    if (isIdle || room.take(instance)) leave(draft, instance, { byUpdate: true });
  }
}

interface Excess {
  readonly staying: readonly Instance[];
  /** How many more there are than the size. */
  readonly over: number;
  readonly surge: number;
  readonly isUpdating: boolean;
  readonly room: Room;
}

/**
 * Gives up what is beyond the size and, while an update goes on, its surge. Whether it did: what is wanted of those that are left depends on
 * who they are.
 */
function shrink(draft: Draft, { staying, over, surge, isUpdating, room }: Excess): boolean {
  const beyondSurge = Math.max(0, over - surge);
  const within = isUpdating ? [] : staying.slice(beyondSurge, Math.max(0, over)).filter((instance) => room.isFree(instance));
  for (const instance of staying.slice(0, beyondSurge)) leave(draft, instance);
  for (const instance of within) leave(draft, instance, { byUpdate: true });
  return beyondSurge > 0 || within.length > 0;
}

interface Updating {
  readonly difference: Difference;
  readonly update: UpdateSpec;
  readonly misplaced: ReadonlySet<Instance>;
}

/** Another is wanted in place of each misplaced instance, whatever its version. */
function differenceWithout(misplaced: ReadonlySet<Instance>, versions: readonly Version[], staying: readonly Instance[]): Difference {
  const isPlaced = (instance: Instance): boolean => !misplaced.has(instance);
  const { missing, surplus } = differenceOf(versions, staying.filter(isPlaced));
  return { missing, surplus: [...staying.filter((instance) => misplaced.has(instance)), ...surplus] };
}

/**
 * Whose place is taken already, by what was made beside them or because the group has become smaller. What has something to keep is not among
 * them: it is updated where it is.
 */
function supersededOf(draft: Draft, { difference: { missing, surplus }, update, misplaced }: Updating): Instance[] {
  const count = surplus.length - missing.length;
  if (count <= 0) return [];
  const substitutes = update.type === "PROACTIVE" && update.method === "SUBSTITUTE";
  return surplus.filter((instance) => misplaced.has(instance) || (substitutes && !isStateful(draft, instance))).slice(-count);
}

/** Those in whose place another is wanted, and that may be updated as far as it takes; those first whose loss costs least. */
function outdatedOf(draft: Draft, { difference, update, misplaced }: Updating, superseded: readonly Instance[]): Outdated[] {
  const { missing, surplus } = difference;
  const concerned = surplus.filter((instance) => misplaced.has(instance) || update.type === "PROACTIVE");
  const rest = concerned.filter((instance) => !superseded.includes(instance));
  return rest.slice(0, missing.length).flatMap((instance, index) => {
    if (misplaced.has(instance)) return [{ instance, action: "REPLACE", inPlace: false }];
    const from = draft.templates.get(instance.templateRevision ?? 0);
    const to = draft.templates.get(missing[index] ?? 0);
    const needed = to && neededAction(from && withConfig(from, instance.config), withConfig(to, instance.config));
    const action = needed && actionFor(needed, update);
    return action === undefined ? [] : [withoutGap({ instance, action }, update, isStateful(draft, instance))];
  });
}

/** A restart takes an instance out for a while. Where none may be out, another is made beside it instead, unless it has something to keep. */
function withoutGap(one: Omit<Outdated, "inPlace">, { method, mostDisruptive, maxUnavailable }: UpdateSpec, keeps: boolean): Outdated {
  const mayRestart = maxUnavailable > 0 || method === "RECREATE" || keeps || mostDisruptive !== "REPLACE";
  const action = one.action === "RESTART" && !mayRestart ? "REPLACE" : one.action;
  return { ...one, action, inPlace: action !== "REPLACE" || method === "RECREATE" || keeps };
}

/** How many more instances an update may take out at this moment. */
class Room {
  readonly #draft: Draft;
  /** Available instances above the least that there must be. */
  #spare: number;
  /** How many more where nothing can be made beside the instance: one at least, or it would never be updated. */
  readonly #extra: number;
  /** Instances that are unavailable anyway: these may go beyond what is spare, but not all at once. */
  #pace: number;

  constructor(draft: Draft, { update, staying, size }: { update: UpdateSpec; staying: readonly Instance[]; size: number }) {
    this.#draft = draft;
    const wanted = new Set(versionsOf(draft).map(({ revision }) => revision));
    const available = staying.filter((instance) => isAvailable(draft, instance));
    const arriving = staying.filter((instance) => wanted.has(instance.templateRevision ?? 0) && !isAvailable(draft, instance));
    this.#spare = available.length - Math.max(0, size - update.maxUnavailable);
    this.#extra = update.maxUnavailable > 0 ? 0 : 1;
    this.#pace = Math.max(1, update.maxSurge + update.maxUnavailable) - arriving.length - leavingByUpdate(draft);
  }

  /**
   * Whether this one, for which there is no use any more, may go. What costs least goes first, so that one is missed only where others are kept
   * for what they have to keep.
   */
  isFree(instance: Instance): boolean {
    return !isAvailable(this.#draft, instance) || this.take(instance);
  }

  /** Whether this one may be taken out; if so, it is counted. */
  take(instance: Instance): boolean {
    if (isAvailable(this.#draft, instance)) {
      if (this.#spare + (isStateful(this.#draft, instance) ? this.#extra : 0) <= 0) return false;
      this.#spare -= 1;
    } else {
      if (this.#pace <= 0) return false;
      this.#pace -= 1;
    }
    return true;
  }
}

function leavingByUpdate({ instances }: Draft): number {
  let count = 0;
  for (const { phase } of instances.values()) if ((phase.is === "draining" || phase.is === "ending") && phase.byUpdate === true) count++;
  return count;
}

interface Growth {
  readonly revision: number;
  /** Of a regional group. */
  readonly zone: string | undefined;
  /** Where somebody chose it. */
  readonly name?: string;
}

/** Makes one more instance. */
export function grow(draft: Draft, { revision, zone, name }: Growth): void {
  const base = draft.spec.managed?.baseInstanceName ?? draft.spec.name;
  draft.lastId = nextId(draft.lastId, draft.now, draft.random);
  put(draft, {
    name: name ?? freeName(base, draft.instances, draft.random),
    id: draft.lastId,
    createdAtMs: draft.now,
    phase: { is: "creating", again: false, started: false, dueAtMs: draft.now },
    ...(zone !== undefined && { zone }),
    address: "",
    templateRevision: revision,
    health: {},
    failures: 0,
  });
}

const mostGood = 10;

/** A version that all instances run and are healthy with is one to return to. */
function noteGood(draft: Draft, managed: Managed, staying: readonly Instance[]): void {
  const { name } = managed.template;
  if (staying.length === 0 || (managed.canaries ?? []).length > 0 || draft.goodTemplates.at(-1) === name) return;
  if (!staying.every((instance) => isAvailable(draft, instance))) return;
  draft.goodTemplates = [...draft.goodTemplates.filter((known) => known !== name), name].slice(-mostGood);
}

/** The version that one more instance is to have. */
export function nextRevision(draft: Draft): number {
  const versions = versionsOf(draft);
  return differenceOf(versions, inOrderOfLoss(draft)).missing[0] ?? versions[0]?.revision ?? 0;
}

/** A recreated instance gets a wanted version, its own where that is one. */
export function revisionFor(draft: Draft, instance: Instance): number {
  const versions = versionsOf(draft);
  const { missing, surplus } = differenceOf(versions, inOrderOfLoss(draft));
  const own = instance.templateRevision ?? 0;
  return surplus.includes(instance) ? (missing[0] ?? own) : own;
}

/** Forgets templates that nothing is made from any more. */
export function forgetTemplates(draft: Draft): void {
  const { managed } = draft.spec;
  const used = new Set([...draft.instances.values()].flatMap(revisionsOf));
  for (const template of managed ? [managed.template, ...(managed.canaries ?? []).map((canary) => canary.template)] : [])
    used.add(revisionOf(draft.templates, template));
  const kept = [...draft.templates].filter(([revision]) => used.has(revision));
  if (kept.length < draft.templates.size) draft.templates = new Map(kept);
}

/** What an instance was made from, and what it is about to be made from. */
function revisionsOf({ templateRevision, phase }: Instance): (number | undefined)[] {
  return phase.is === "draining" && phase.then?.to === "again" ? [templateRevision, phase.then.revision] : [templateRevision];
}

/** The managed instances of these names, whatever they are at. */
export function managedOf(draft: Draft, names: readonly string[]): Instance[] {
  return names.flatMap((name) => {
    const instance = draft.instances.get(name);
    return instance && isManaged(instance) ? [instance] : [];
  });
}
