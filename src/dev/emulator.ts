/** The emulator as one call: control plane, mesh entry and VM fleet on this machine. `wayside dev` and the black-box tests use it. */
import { messageOf, UserError } from "#base/errors.ts";
import type { FleetEvent } from "#instances/fleet.ts";
import { AddressPool } from "./fleet/addresses.ts";
import { Fleet } from "./fleet/fleet.ts";
import { fleetHandler } from "./fleet/handler.ts";
import { cleanUpRuns } from "./runs/clean-up.ts";
import { isLive, readRuns, RunFile, runsFolder } from "./runs/run-file.ts";
import { bundleWorkers } from "./runtime/bundle.ts";
import type { Runtime } from "./runtime/miniflare.ts";
import { checkPort } from "./runtime/ports.ts";
import { openState, type State } from "./runtime/state.ts";
import { Ticker } from "./runtime/ticker.ts";

export interface EmulatorOptions {
  /** The project whose services the mesh entry serves. Every project id works in the control API. */
  readonly project: string;
  /** Port of the control API on 127.0.0.1; 0 takes a free one. */
  readonly port: number;
  /** Port of the mesh entry on 127.0.0.1; 0 takes a free one. */
  readonly meshPort: number;
  /** Folder that keeps resources, groups and sealed secrets from one run to the next. Without it nothing outlives the run. */
  readonly state?: string;
  /** OTLP/HTTP collector; spans are posted to `${otlp}/v1/traces`. Without it spans go nowhere. */
  readonly otlp?: string;
  /** How often proxies look for a newer configuration, in milliseconds. Default 1000. */
  readonly configRefreshMs?: number;
  /** How long a VM has between SIGTERM and SIGKILL, in milliseconds. Default 5000. */
  readonly killAfterMs?: number;
  /** Told what happens, in order; must not throw. */
  readonly onEvent?: (event: EmulatorEvent) => void;
}

export type EmulatorEvent =
  /** A run that was killed had left processes or files behind; they are gone now. `vms` counts its VMs that were still there. */
  | { readonly event: "cleaned"; readonly pid: number; readonly vms: number }
  | { readonly event: "vmStarted"; readonly project: string; readonly name: string; readonly address: string; readonly pid: number }
  /** A VM ended by itself; `exit` says how. */
  | { readonly event: "vmEnded"; readonly project: string; readonly name: string; readonly exit: string }
  /** What a Worker, workerd or the emulator itself has to say: for stderr. Levels are those of workerd. */
  | { readonly event: "log"; readonly level: string; readonly message: string };

export interface Emulator {
  /** Origin of the control API, such as `http://127.0.0.1:8787`. */
  readonly api: string;
  /** Origin of the mesh entry; the Host header names the service. */
  readonly mesh: string;
  /** URL, with its slash. */
  readonly dashboard: string;
  /** Ends every VM and the Workers and removes what the run kept; idempotent; resolves when all of it is gone. */
  stop(): Promise<void>;
}

/**
 * Starts everything; resolves when the control API and the mesh entry answer. A port that is taken, a state folder that cannot be
 * read and the like throw `UserError`, with nothing left running. Signals are the caller's: it listens for them and calls `stop`.
 */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const runs = runsFolder();
  for (const cleaned of await cleanUpRuns(runs)) options.onEvent?.({ event: "cleaned", ...cleaned });
  if (options.port !== 0 && options.port === options.meshPort) {
    throw new UserError({
      code: "invalid",
      field: "--mesh-port",
      message: `--port and --mesh-port must differ, both are ${options.port}.`,
    });
  }
  await checkPort("--port", options.port);
  await checkPort("--mesh-port", options.meshPort);
  const kept = options.state === undefined ? undefined : openState(options.state);
  if (kept) refuseSharedState(runs, kept.folder);
  const run = RunFile.claim(runs, kept?.folder);
  try {
    return await new Engine(options, run).start(kept);
  } catch (thrown) {
    run.remove();
    throw thrown;
  }
}

/** Two workerds on one SQLite database would destroy it. */
function refuseSharedState(runs: string, folder: string): void {
  const other = readRuns(runs).find(({ run }) => run.state === folder && isLive(run));
  if (!other) return;
  const message = `${folder} is in use by process ${other.run.owner.pid}: end it, or take another folder.`;
  throw new UserError({ code: "failedPrecondition", field: "--state", message });
}

/** How long the control API may take to answer for the first time. */
const readyWithinMs = 15_000;
/** A fleet event is offered again after each of these; the group's own rounds notice the end as well, only later. */
const eventRetriesMs = [250, 1000, 4000, 15_000];

/** The parts of one run, and the order in which they come and go. */
class Engine {
  readonly #options: EmulatorOptions;
  readonly #run: RunFile;
  readonly #fleet: Fleet;
  readonly #mesh = Promise.withResolvers<string>();
  #runtime: Runtime | undefined;
  #ticker: Ticker | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: EmulatorOptions, run: RunFile) {
    this.#options = options;
    this.#run = run;
    this.#fleet = new Fleet({
      folder: run.run.folder,
      addresses: new AddressPool(run.run.slice),
      mesh: this.#mesh.promise,
      killAfterMs: options.killAfterMs ?? 5000,
      onStart: ({ project, name }, { address, pid }) => this.#tell({ event: "vmStarted", project, name, address, pid }),
      onEnd: (event) => this.#vmEnded(event),
      onChange: (vms) => this.#record(() => this.#run.recordVms(vms)),
    });
  }

  async start(kept: State | undefined): Promise<Emulator> {
    process.on("exit", this.#lastResort);
    try {
      const state = kept ?? openState(`${this.#run.run.folder}/state`);
      const runtime = await this.#startRuntime(state);
      this.#runtime = runtime;
      this.#mesh.resolve(runtime.mesh);
      await this.#ready(runtime);
      this.#ticker = new Ticker(this.#options.configRefreshMs ?? 1000, () => runtime.tick());
      return { api: runtime.api, mesh: runtime.mesh, dashboard: `${runtime.api}/`, stop: () => this.stop() };
    } catch (thrown) {
      await this.stop();
      throw thrown;
    }
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    await this.#ticker?.stop();
    // A start that failed half-way: no VM may wait for a mesh that never comes.
    this.#mesh.resolve("");
    // At once: servers that wait for their connections to end are not held up by those that workerd keeps open.
    await Promise.all([this.#fleet.stop(), this.#runtime?.stop()]);
    this.#run.remove();
    process.off("exit", this.#lastResort);
  }

  /** The process ends without `stop`, by an exception or an exit: nothing may stay behind. miniflare sees to workerd in the same way. */
  readonly #lastResort = (): void => {
    this.#fleet.killNow();
    this.#run.remove();
  };

  async #startRuntime(state: State): Promise<Runtime> {
    // Miniflare is large: it is loaded while esbuild, a process of its own, is at work.
    const [code, { startRuntime }] = await Promise.all([bundleWorkers(), import("./runtime/miniflare.ts")]);
    const { project, port, meshPort, otlp, configRefreshMs } = this.#options;
    return startRuntime({
      code,
      project,
      port,
      meshPort,
      stateFolder: state.workers,
      temporaryFolder: `${this.#run.run.folder}/workerd`,
      masterKey: state.masterKey,
      ...(otlp === undefined ? {} : { otlp }),
      configRefreshMs: configRefreshMs ?? 1000,
      fleet: fleetHandler(this.#fleet),
      environment: this.#run.workerdEnvironment,
      onLog: (level, message) => this.#log(level, message),
      onRestart: () => {
        this.#record(() => this.#run.recordWorkerd());
        this.#log("warn", "workerd had ended unexpectedly and was started again");
      },
    });
  }

  async #ready(runtime: Runtime): Promise<void> {
    this.#record(() => this.#run.recordWorkerd());
    const deadline = Date.now() + readyWithinMs;
    let reason = "";
    while (Date.now() < deadline) {
      try {
        const response = await fetch(`${runtime.api}/wayside/v1/healthz`, { signal: AbortSignal.timeout(readyWithinMs) });
        if (response.ok) return;
        reason = `${response.status}: ${await response.text()}`;
      } catch (thrown) {
        reason = messageOf(thrown);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`the control API did not get ready within ${readyWithinMs / 1000} s: ${reason}`);
  }

  #vmEnded(event: FleetEvent): void {
    this.#tell({ event: "vmEnded", project: event.project, name: event.name, exit: event.exit });
    void this.#deliver(event);
  }

  async #deliver(event: FleetEvent): Promise<void> {
    for (const pause of [0, ...eventRetriesMs]) {
      await new Promise((resolve) => setTimeout(resolve, pause).unref());
      if (this.#stopped || !this.#runtime) return;
      try {
        const target = `${this.#runtime.control}/wayside/v1/fleetEvents`;
        const headers = { "content-type": "application/json" };
        const response = await fetch(target, { method: "POST", headers, body: JSON.stringify(event), signal: AbortSignal.timeout(10_000) });
        await response.body?.cancel();
        if (response.ok) return;
      } catch {
        // workerd may just be on its way back.
      }
    }
    this.#log("warn", `the end of ${event.name} could not be told to its group`);
  }

  #record(write: () => void): void {
    try {
      write();
    } catch (thrown) {
      this.#log("warn", `this run's processes could not be recorded (${messageOf(thrown)}): should it be killed, they are left behind`);
    }
  }

  #log(level: string, message: string): void {
    if (this.#stopped === undefined) this.#tell({ event: "log", level, message });
  }

  #tell(event: EmulatorEvent): void {
    this.#options.onEvent?.(event);
  }
}
