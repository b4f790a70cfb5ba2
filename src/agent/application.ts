/** The application on the VM: started by the agent, or taken over from the agent before. It outlives an agent that is killed or replaced. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isJsonObject } from "#base/json.ts";
import { writePrivate } from "./identity.ts";
import { isRunning, type ProcessRef } from "#processes/processes.ts";
import { cpuSecondsOf, refOf, signalGroup } from "./process-family.ts";
import { backoffMs } from "./retry.ts";

export interface ApplicationOptions {
  readonly folder: string;
  /** Program and arguments; empty: the application is somebody else's to run, and only watched. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  log(line: string): void;
}

/** A process that was taken over is nobody's child here: whether it has ended has to be looked for. */
const watchMs = 250;
/** Between SIGTERM and SIGKILL. */
const killAfterMs = 10_000;
/** An application that ran this long has proven itself: its next end is made good at once. */
const provenMs = 30_000;

export class Application {
  readonly #options: ApplicationOptions;
  readonly #file: string;
  #process: ProcessRef | undefined;
  #failures = 0;
  #startedAtMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #isEnding = false;

  constructor(options: ApplicationOptions) {
    this.#options = options;
    this.#file = join(options.folder, "application.json");
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  get cpuSeconds(): number | undefined {
    return this.#process && cpuSecondsOf(this.#process);
  }

  /** Starts it, unless the one that an earlier agent of this folder started still runs with the same command. */
  start(): void {
    const { command } = this.#options;
    if (command.length === 0) return;
    const known = this.#known();
    if (known) {
      this.#process = known;
      this.#options.log(`took over the application, process ${known.pid}`);
      this.#watch();
    } else this.#spawn();
  }

  /** Lets go of it without ending it: another agent goes on with it. */
  release(): void {
    this.#isEnding = true;
    clearTimeout(this.#timer);
  }

  /** SIGTERM, then SIGKILL after a while; resolves when it is gone. */
  async stop(): Promise<void> {
    this.release();
    const running = this.#process;
    if (running) {
      signalGroup(running, "SIGTERM");
      const deadline = performance.now() + killAfterMs;
      while (isRunning(running)) {
        if (performance.now() > deadline) signalGroup(running, "SIGKILL");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    rmSync(this.#file, { force: true });
  }

  #spawn(): void {
    const [program = "", ...args] = this.#options.command;
    // A process group of its own: Ctrl-C at the terminal must not end it before it is drained, and it may outlive the agent.
    const child = spawn(program, args, {
      stdio: ["ignore", "inherit", "inherit"],
      detached: true,
      env: { ...process.env, ...this.#options.environment },
    });
    this.#startedAtMs = performance.now();
    child.on("error", (failure) => this.#ended(`could not be started: ${failure.message}`));
    child.on("exit", (code, signal) => this.#ended(signal === null ? `ended with status ${code}` : `ended by ${signal}`));
    if (child.pid === undefined) return;
    child.unref();
    this.#process = refOf(child.pid);
    writePrivate(this.#file, JSON.stringify({ ...this.#process, command: this.#options.command }));
    this.#options.log(`started the application, process ${child.pid}`);
  }

  #watch(): void {
    this.#timer = setTimeout(() => {
      if (this.#process && isRunning(this.#process)) this.#watch();
      else this.#ended("ended");
    }, watchMs);
  }

  #ended(how: string): void {
    this.#process = undefined;
    if (this.#isEnding) return;
    this.#failures = performance.now() - this.#startedAtMs >= provenMs ? 0 : this.#failures + 1;
    const pauseMs = backoffMs(this.#failures);
    this.#options.log(`the application ${how}; starting it again in ${(pauseMs / 1000).toFixed(1)} s`);
    this.#timer = setTimeout(() => this.#spawn(), pauseMs);
  }

  #known(): ProcessRef | undefined {
    if (!existsSync(this.#file)) return undefined;
    try {
      const stored: unknown = JSON.parse(readFileSync(this.#file, "utf8"));
      if (!isJsonObject(stored)) return undefined;
      const { pid, started, command } = stored;
      const isSame = JSON.stringify(command) === JSON.stringify(this.#options.command);
      if (typeof pid !== "number" || typeof started !== "number" || !isRunning({ pid, started })) return undefined;
      if (isSame) return { pid, started };
      this.#options.log(`the command has changed: ending process ${pid} of the one before`);
      signalGroup({ pid, started }, "SIGTERM");
    } catch {
      // Half a file is no process that could be taken over.
    }
    return undefined;
  }
}
