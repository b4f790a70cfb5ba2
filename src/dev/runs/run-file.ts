/**
 * What a run of the emulator leaves for the next one to find should it be killed: `$TMPDIR/wayside-<uid>/runs/<slice>.json`.
 * The file is also the claim on a slice of loopback addresses, so that runs side by side never share one.
 */
import { linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import path from "node:path";
import { UserError } from "#base/errors.ts";
import { isJsonObject } from "#base/json.ts";
import { sliceCount } from "../fleet/addresses.ts";
import { bootId, findProcess, type Family, isRunning, listProcesses, type ProcessRef } from "#processes/processes.ts";

export interface Run {
  readonly version: 1;
  /** The process of `wayside dev` (or of the test) that runs the emulator. */
  readonly owner: ProcessRef;
  /** Start times are compared within one boot only. */
  readonly boot: string;
  readonly slice: number;
  /** Everything of this run alone: VM folders, logs, and the state when none is to be kept. */
  readonly folder: string;
  /** Absolute path of `--state`. */
  readonly state?: string;
  readonly workerd: readonly Family[];
  readonly vms: readonly Family[];
}

/** A user's folder for all runs; made if need be. Throws `UserError` when it belongs to somebody else. */
export function runsFolder(): string {
  const own = userInfo();
  const base = path.join(tmpdir(), `wayside-${own.uid >= 0 ? own.uid : own.username}`);
  mkdirSync(path.join(base, "runs"), { recursive: true, mode: 0o700 });
  const stat = lstatSync(base);
  // The temporary folder is everybody's: whoever made this one first could read and change what is in it.
  if (!stat.isDirectory() || (own.uid >= 0 && stat.uid !== own.uid)) {
    throw new UserError({
      code: "forbidden",
      message: `${base} belongs to somebody else: remove it, or set TMPDIR to a folder of your own.`,
    });
  }
  return path.join(base, "runs");
}

/** The claim of this run; its file is rewritten whenever its processes change. */
export class RunFile {
  readonly run: Run;
  readonly #file: string;
  #workerd: readonly Family[];
  #vms: readonly Family[] = [];
  #removed = false;

  /** Takes the lowest free slice and makes the run's folder. Throws `UserError` when every slice is in use. */
  static claim(runs: string, state?: string): RunFile {
    const owner = findProcess(process.pid) ?? { pid: process.pid, started: 0 };
    for (let slice = 0; slice < sliceCount; slice += 1) {
      const file = path.join(runs, `${slice}.json`);
      const folder = path.join(path.dirname(runs), `run-${owner.pid}-${slice}`);
      const identity = { version: 1, owner: { pid: owner.pid, started: owner.started }, boot: bootId(), slice, folder } as const;
      const run: Run = { ...identity, ...(state === undefined ? {} : { state }), workerd: workerdOf(identity), vms: [] };
      if (writeNew(file, run)) return new RunFile(file, run);
    }
    throw new UserError({ code: "limitExceeded", message: `${sliceCount} emulators are running already: end one of them.` });
  }

  private constructor(file: string, run: Run) {
    this.#file = file;
    this.run = run;
    this.#workerd = run.workerd;
    rmSync(run.folder, { recursive: true, force: true });
    mkdirSync(run.folder, { mode: 0o700 });
  }

  /** Synchronous: between a process's start and its entry here, a kill of ours would leave it an orphan. */
  recordVms(vms: readonly Family[]): void {
    this.#vms = vms;
    this.#write();
  }

  /** To be called when workerd has started. */
  recordWorkerd(): void {
    this.#workerd = workerdOf(this.run);
    this.#write();
  }

  /** For the environment of workerd: by it, its process is recognised as one of this run. */
  get workerdEnvironment(): Record<string, string> {
    return { [markName]: this.run.folder };
  }

  /** Gives the slice back and removes the run's folder. Idempotent: the slice may be another run's by the second call. */
  remove(): void {
    if (this.#removed) return;
    this.#removed = true;
    rmSync(this.run.folder, { recursive: true, force: true });
    rmSync(this.#file, { force: true });
  }

  #write(): void {
    if (this.#removed) return;
    const temporary = `${this.#file}.${process.pid}.new`;
    writeFileSync(temporary, JSON.stringify({ ...this.run, workerd: this.#workerd, vms: this.#vms }), { mode: 0o600 });
    renameSync(temporary, this.#file);
  }
}

/** Every run on record, with its file; a file that cannot be read as one is passed over. */
export function readRuns(runs: string): { readonly file: string; readonly run: Run }[] {
  const files = readdirSync(runs).filter((name) => /^\d+\.json$/.test(name));
  return files.flatMap((name) => {
    const file = path.join(runs, name);
    const run = readRun(file);
    return run === undefined ? [] : [{ file, run }];
  });
}

export function readRun(file: string): Run | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    const known = isJsonObject(value) && value["version"] === 1 && isJsonObject(value["owner"]) && Array.isArray(value["vms"]);
    return known ? (value as unknown as Run) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the run still goes on. */
export function isLive(run: Run): boolean {
  return run.boot === bootId() && isRunning(run.owner);
}

const markName = "WAYSIDE_RUN";

/**
 * The workerd of a run: on Linux known by its mark even before it has a number; elsewhere by being our child.
 */
function workerdOf({ owner, folder }: Pick<Run, "owner" | "folder">): Family[] {
  const children = listProcesses().filter((info) => info.parent === owner.pid && info.name.startsWith("workerd"));
  const mark = `${markName}=${folder}`;
  return [{ pid: -1, started: owner.started }, ...children].map(({ pid, started }) => ({ leader: { pid, started }, mark }));
}

/** Makes the file with its whole content, or nothing if it exists: a reader never finds half a claim. */
function writeNew(file: string, run: Run): boolean {
  const temporary = `${file}.${process.pid}.claim`;
  writeFileSync(temporary, JSON.stringify(run), { mode: 0o600 });
  try {
    linkSync(temporary, file);
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw thrown;
  } finally {
    rmSync(temporary, { force: true });
  }
}
