/** One VM: its folder, its metadata server and the processes that its start-up script made. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { FleetInstance, FleetState } from "#instances/fleet.ts";
import { startMetadataServer, type MetadataServer } from "../metadata/server.ts";
import { environmentOf, markOf } from "./environment.ts";
import { openLogPipe, type LogFile, type LogPipe } from "./log.ts";
import { findProcess, membersOf, signalFamily, type Family } from "#processes/processes.ts";

/** How often a VM whose start-up script has left daemons behind is looked at. */
const daemonPollMs = 1000;
/** How often the rest of a VM is looked at while it is being ended. */
const endPollMs = 30;
/** What survives SIGKILL for this long (a process in uninterruptible sleep) is given up. */
const killGraceMs = 5000;

export interface VmOptions {
  /** A folder of this VM alone; made here, removed when the VM is disposed of. */
  readonly folder: string;
  readonly address: string;
  /** Origin of the mesh entry. */
  readonly mesh?: string;
  readonly log: LogFile;
  /** From SIGTERM to SIGKILL. */
  readonly killAfterMs: number;
}

export class Vm {
  readonly instance: FleetInstance;
  readonly family: Family;
  /** Resolves when the VM has ended by itself: how it did. Never when it was ended from here. */
  readonly ended: Promise<string>;
  readonly #options: VmOptions;
  readonly #metadata: MetadataServer;
  readonly #pipe: LogPipe;
  /** The leader has ended. */
  readonly #left: Promise<unknown>;
  #exit: string | undefined;
  #ending = false;
  #suspended = false;

  /** Answers when the leader runs; throws when it cannot be started, with nothing left behind. */
  static async start(instance: FleetInstance, options: VmOptions): Promise<Vm> {
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    const metadata = await startMetadataServer(instance, options.address);
    try {
      const pipe = await openLogPipe(path.join(options.folder, ".log"), (chunk) => options.log.write(chunk));
      let child: ChildProcess;
      try {
        child = launch(instance, options, { pipe, metadata });
      } finally {
        closeSync(pipe.writeEnd);
      }
      await once(child, "spawn");
      return new Vm(instance, options, { child, metadata, pipe });
    } catch (thrown) {
      await metadata.close();
      rmSync(options.folder, { recursive: true, force: true });
      throw thrown;
    }
  }

  private constructor(
    instance: FleetInstance,
    options: VmOptions,
    parts: { child: ChildProcess; metadata: MetadataServer; pipe: LogPipe },
  ) {
    const { child, metadata, pipe } = parts;
    const pid = child.pid ?? 0;
    this.instance = instance;
    this.#options = options;
    this.#metadata = metadata;
    this.#pipe = pipe;
    const mark = markOf({ address: options.address, metadataHost: metadata.host });
    this.family = { leader: { pid, started: findProcess(pid)?.started ?? 0 }, mark };
    const exit = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
    this.#left = exit;
    this.ended = this.#watch(exit);
    options.log.note(`${instance.name} (id ${instance.id}) started on ${options.address} as process ${pid}`);
  }

  get state(): FleetState {
    const { name, id } = this.instance;
    const state = { name, id, address: this.#options.address, pid: this.family.leader.pid, running: this.#exit === undefined };
    if (this.#exit !== undefined) return { ...state, exit: this.#exit };
    return this.#suspended ? { ...state, suspended: true } : state;
  }

  /** Its processes stand still until `resume`. Idempotent, like that. */
  suspend(): void {
    this.#suspended = true;
    signalFamily(this.family, "SIGSTOP");
  }

  resume(): void {
    if (this.#suspended) signalFamily(this.family, "SIGCONT");
    this.#suspended = false;
  }

  /** SIGTERM to all of it, SIGKILL to what is left after `killAfterMs`; answers when nothing of it runs. Idempotent. */
  async end(): Promise<void> {
    this.#ending = true;
    if (this.#exit === undefined) {
      signalFamily(this.family, "SIGTERM");
      // What stands still hears nothing.
      this.resume();
      if (!(await this.#gone(this.#options.killAfterMs))) {
        signalFamily(this.family, "SIGKILL");
        await this.#gone(killGraceMs);
      }
      this.#exit = "ended";
    }
    await this.#dispose();
  }

  /** For the exit of our own process, where nothing can be awaited any more. */
  killNow(): void {
    this.#ending = true;
    signalFamily(this.family, "SIGKILL");
  }

  async #watch(left: Promise<[number | null, NodeJS.Signals | null]>): Promise<string> {
    const [code, signal] = await left;
    // A script that ends well may have left daemons, as on Compute Engine: the VM lives as long as one of them.
    while (code === 0 && !this.#ending && membersOf(this.family).length > 0) await sleep(daemonPollMs);
    if (this.#ending) return new Promise(() => {});
    const exit = signal === null ? `exit code ${code}` : `signal ${signal}`;
    signalFamily(this.family, "SIGKILL");
    await this.#gone(killGraceMs);
    if (this.#ending) return new Promise(() => {});
    this.#options.log.note(`${this.instance.name} (id ${this.instance.id}) ended: ${exit}`);
    this.#exit = exit;
    return exit;
  }

  async #gone(withinMs: number): Promise<boolean> {
    const deadline = Date.now() + withinMs;
    // Looking through all processes is dear: not before the leader has ended, which is told.
    if (!(await settledWithin(this.#left, withinMs))) return false;
    while (membersOf(this.family).length > 0) {
      if (Date.now() > deadline) return false;
      await sleep(endPollMs);
    }
    return true;
  }

  async #dispose(): Promise<void> {
    // The last words of the VM are still in the pipe; a process that survived SIGKILL must not hold us up.
    const patience = setTimeout(() => this.#pipe.abandon(), killGraceMs);
    await this.#pipe.drained;
    clearTimeout(patience);
    await this.#metadata.close();
    rmSync(this.#options.folder, { recursive: true, force: true });
  }
}

/** Without a start-up script a VM idles, as a real one does. */
const idleScript = 'echo "no startup-script in the metadata of the template: this VM stays idle"\nexec tail -f /dev/null\n';

function launch(instance: FleetInstance, options: VmOptions, parts: { pipe: LogPipe; metadata: MetadataServer }): ChildProcess {
  const script = instance.metadata["startup-script"] ?? idleScript;
  const file = path.join(options.folder, "startup-script");
  writeFileSync(file, script, { mode: 0o700 });
  const [command, ...args] = commandFor(script, file);
  return spawn(command, args, {
    cwd: options.folder,
    env: environmentOf(instance, { ...options, metadataHost: parts.metadata.host }, process.env),
    // A session of its own: signals of our terminal do not reach it, and it can be ended as a whole.
    detached: true,
    stdio: ["ignore", parts.pipe.writeEnd, parts.pipe.writeEnd],
  });
}

/** `bash`, unless the script names an interpreter that is no shell, which Compute Engine honours as well. */
export function commandFor(script: string, file: string): [string, ...string[]] {
  const interpreter = /^#!\s*(\S+)(?:[ \t]+(\S+))?/.exec(script);
  const program = interpreter?.[1]?.endsWith("/env") ? interpreter[2] : interpreter?.[1];
  return program === undefined || /(^|\/)(ba|da|a|k|z)?sh$/.test(program) ? ["bash", file] : [file];
}

async function settledWithin(work: Promise<unknown>, withinMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), withinMs);
  });
  const inTime = await Promise.race([work.then(() => true), late]);
  clearTimeout(timer);
  return inTime;
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
