import { DurableObject } from "cloudflare:workers";
import { systemClock } from "#base/clock.ts";
import { InternalError, messageOf, UserError } from "#base/errors.ts";
import { randomHex, systemRandom } from "#base/random.ts";
import type { GroupKey, GroupReport } from "#instances/group/spec.ts";
import type { LeaseReport } from "#instances/lease/lease.ts";
import type { Pointer } from "#ir/snapshot.ts";
import { errorOutcome, internalOutcome, styleOf } from "../api/errors.ts";
import type { ReportedProxy } from "../bus.ts";
import type { Command, Outcome } from "../command.ts";
import type { ControlEnv, ProjectControl } from "../env.ts";
import { logLine } from "../log.ts";
import { Project } from "./project.ts";

const callTimeoutMs = 30_000;

/**
 * One project, named by its id. Its state lives in one object because one place must decide what a command may change, give generations
 * their order and know what is not in KV yet. An eviction loses the freshest half minute of the proxies' reports, and nothing else.
 */
export class ProjectObject extends DurableObject<ControlEnv> implements ProjectControl {
  readonly #impl: Project;

  constructor(ctx: DurableObjectState, env: ControlEnv) {
    super(ctx, env);
    const project = ctx.id.name;
    if (project === undefined) throw new Error("a Project object is reached by the name of its project only");
    this.#impl = new Project({
      project,
      database: ctx.storage,
      bus: { put: (key, value) => answered(env.BUS.put(key, value)), delete: (key) => answered(env.BUS.delete(key)) },
      group: (key) => ({ configure: (spec) => answered(env.GROUP.getByName(`${project}/${key}`).configure(spec)) }),
      lease: (name) => ({ apply: (group, tasks) => answered(env.LEASE.getByName(name).apply(group, tasks)) }),
      clock: systemClock,
      random: systemRandom,
      ...(env.MASTER_KEY !== undefined && { masterKey: env.MASTER_KEY }),
      loopbackAllowed: env.DEV === "1",
      // Not waited for: a write of SQL and the alarm that follow each other without an await are kept together or not at all.
      setAlarm: (atMs) => ctx.waitUntil(atMs === undefined ? ctx.storage.deleteAlarm() : ctx.storage.setAlarm(atMs)),
      background: (work) => ctx.waitUntil(work),
      log: (line) => logLine(`project ${project}: ${line}`),
    });
  }

  async run(command: Command): Promise<Outcome> {
    try {
      return await this.#impl.run(command);
    } catch (thrown) {
      const style = styleOf(command);
      return thrown instanceof UserError ? errorOutcome(style, thrown) : internalOutcome(style, internal(thrown).id);
    }
  }

  pointers(services: readonly string[]): Promise<Record<string, Pointer>> {
    return guarded(() => this.#impl.pointers(services));
  }

  report(reports: readonly ReportedProxy[]): Promise<void> {
    return guarded(() => this.#impl.report(reports));
  }

  observeGroup(report: GroupReport): Promise<void> {
    return guarded(() => this.#impl.observeGroup(report));
  }

  observeLeases(group: GroupKey, reports: readonly LeaseReport[]): Promise<void> {
    return guarded(() => this.#impl.observeLeases(group, reports));
  }

  collectLeases(group: GroupKey, lost: readonly { readonly name: string; readonly enrolment: string }[]): Promise<void> {
    return guarded(() => this.#impl.collectLeases(group, lost));
  }

  released(key: GroupKey, instances: readonly string[]): Promise<boolean> {
    return guarded(() => this.#impl.released(key, instances));
  }

  /** Goes on with what is not carried out yet. Delivered at least once, also after a crash. */
  override async alarm(): Promise<void> {
    await guarded(() => this.#impl.drain());
  }
}

/** A call that hangs counts as failed and is made again later, so that it cannot hold up all the others. */
async function answered<T>(call: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${callTimeoutMs / 1_000} s`)), callTimeoutMs);
  });
  try {
    return await Promise.race([call, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The text of an exception crosses RPC, so callers get one that says nothing but an id. */
async function guarded<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw internal(thrown);
  }
}

function internal(thrown: unknown): InternalError {
  const error = new InternalError(randomHex(systemRandom, 8), thrown);
  logLine(`${error.message}: ${thrown instanceof Error ? (thrown.stack ?? messageOf(thrown)) : messageOf(thrown)}`);
  // Without the cause: it would travel with the exception.
  return new InternalError(error.id, undefined);
}
