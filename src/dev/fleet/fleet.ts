/** The fleet: all VMs of one run of the emulator, as local processes. Groups of the control plane ask for them (src/instances/fleet.ts). */
import { mkdirSync } from "node:fs";
import path from "node:path";
import { UserError } from "#base/errors.ts";
import type { FleetEvent, FleetInstance, FleetState } from "#instances/fleet.ts";
import type { AddressPool } from "./addresses.ts";
import { cpuSecondsOf } from "./cpu.ts";
import { servingPorts } from "./environment.ts";
import { LogFile, type LogQuery } from "./log.ts";
import type { Family } from "#processes/processes.ts";
import { Vm } from "./vm.ts";

/** Logs of instances that are gone are kept for reading, this many. */
const keptLogs = 100;

export interface FleetOptions {
  /** Folders and logs of VMs are made in it. */
  readonly folder: string;
  readonly addresses: AddressPool;
  /** Origin of the mesh entry, once it is known: no VM starts before. Absent: VMs are not told of one. */
  readonly mesh?: Promise<string>;
  /** From SIGTERM to SIGKILL. */
  readonly killAfterMs: number;
  /** A VM was started. */
  readonly onStart: (instance: FleetInstance, state: FleetState) => void;
  /** A VM ended by itself; not called for those that were deleted. */
  readonly onEnd: (event: FleetEvent) => void;
  /** The processes to be ended should we be killed; called at once after each start and end. */
  readonly onChange: (families: readonly Family[]) => void;
}

/** Which instance of which group. */
export interface InstanceKey {
  readonly project: string;
  readonly group: string;
  readonly name: string;
}

interface Member {
  readonly vm: Vm;
  readonly address: string;
}

export class Fleet {
  readonly #options: FleetOptions;
  readonly #members = new Map<string, Member>();
  /** By project and name, oldest use first. */
  readonly #logs = new Map<string, LogFile>();
  /** Calls for one instance follow one another: by key, the last of them. */
  readonly #queues = new Map<string, Promise<unknown>>();
  #sequence = 0;
  #stopping = false;

  constructor(options: FleetOptions) {
    this.#options = options;
    mkdirSync(path.join(options.folder, "logs"), { recursive: true, mode: 0o700 });
  }

  /**
   * Makes the instance; the same id again has one that was suspended go on and answers the present state, another id replaces what is there.
   * Throws `UserError` when there is no address for it or the fleet is being stopped.
   */
  put(instance: FleetInstance): Promise<FleetState> {
    return this.#inTurn(instance, async () => {
      if (this.#stopping) throw new UserError({ code: "failedPrecondition", message: "The emulator is being stopped." });
      const present = this.#members.get(keyText(instance));
      if (present?.vm.instance.id === instance.id) {
        present.vm.resume();
        return present.vm.state;
      }
      if (present) await this.#end(present);
      return this.#start(instance);
    });
  }

  /** Ends the instance and forgets it; answers when its processes are gone. With an `id` that it no longer has, nothing is done. */
  delete(key: InstanceKey, id?: string): Promise<void> {
    return this.#inTurn(key, async () => {
      const member = this.#members.get(keyText(key));
      if (member && (id === undefined || member.vm.instance.id === id)) await this.#end(member);
    });
  }

  /** Has the instance stand still, with all its processes and what they hold in memory. False when there is none, or it is another by now. */
  suspend(key: InstanceKey, id?: string): Promise<boolean> {
    return this.#inTurn(key, () => {
      const vm = this.#members.get(keyText(key))?.vm;
      const isThere = vm !== undefined && (id === undefined || vm.instance.id === id) && vm.state.running;
      if (isThere) vm.suspend();
      return Promise.resolve(isThere);
    });
  }

  /** Every instance of a group that was not deleted, those that ended by themselves among them, with the CPU time they have used. */
  list(project: string, group: string): FleetState[] {
    const own = [...this.#members.values()].filter(({ vm }) => vm.instance.project === project && vm.instance.group === group);
    const used = cpuSecondsOf(own.filter(({ vm }) => vm.state.running).map(({ vm }) => vm.family));
    const atMs = Date.now();
    return own.map(({ vm }) => {
      const seconds = used.get(vm.family);
      return { ...vm.state, ...(seconds !== undefined && { cpu: { seconds, atMs } }) };
    });
  }

  /** What an instance wrote, over all its lives; undefined when there was none of this name, or too long ago. */
  log(project: string, name: string, query: LogQuery): ReadableStream<Uint8Array> | undefined {
    return this.#logs.get(logKey({ project, name }))?.read(query);
  }

  /** Ends every VM and takes no more. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.allSettled(this.#queues.values());
    await Promise.all([...this.#members.values()].map((member) => this.#end(member)));
    for (const log of this.#logs.values()) log.close();
    this.#logs.clear();
  }

  /** SIGKILL to every VM, without waiting: for the exit of our own process. */
  killNow(): void {
    for (const { vm } of this.#members.values()) vm.killNow();
  }

  async #start(instance: FleetInstance): Promise<FleetState> {
    const { addresses, folder, killAfterMs } = this.#options;
    const mesh = await this.#options.mesh;
    const address = await addresses.take(servingPorts(instance));
    const log = this.#logOf(instance);
    try {
      this.#sequence += 1;
      const home = path.join(folder, "vms", `${instance.name}-${this.#sequence}`);
      const vm = await Vm.start(instance, { folder: home, address, log, killAfterMs, ...(mesh === undefined ? {} : { mesh }) });
      this.#members.set(keyText(instance), { vm, address });
      this.#changed();
      this.#options.onStart(instance, vm.state);
      void vm.ended.then((exit) => this.#ended(vm, exit));
      return vm.state;
    } catch (thrown) {
      addresses.release(address);
      throw thrown;
    }
  }

  #ended(vm: Vm, exit: string): void {
    const { project, group, name, id } = vm.instance;
    this.#changed();
    this.#options.onEnd({ project, group, name, id, exit });
  }

  async #end(member: Member): Promise<void> {
    await member.vm.end();
    this.#options.addresses.release(member.address);
    const text = keyText(member.vm.instance);
    if (this.#members.get(text) === member) this.#members.delete(text);
    this.#changed();
  }

  #changed(): void {
    const running = [...this.#members.values()].filter(({ vm }) => vm.state.running);
    this.#options.onChange(running.map(({ vm }) => vm.family));
  }

  #logOf(instance: FleetInstance): LogFile {
    const key = logKey(instance);
    this.#sequence += 1;
    const log = this.#logs.get(key) ?? new LogFile(path.join(this.#options.folder, "logs", `${instance.name}-${this.#sequence}.log`));
    this.#logs.delete(key);
    this.#logs.set(key, log);
    const used = new Set([...this.#members.values()].map(({ vm }) => logKey(vm.instance)));
    const idle = [...this.#logs.keys()].filter((other) => other !== key && !used.has(other));
    for (const old of idle.slice(0, Math.max(0, idle.length - keptLogs))) {
      this.#logs.get(old)?.remove();
      this.#logs.delete(old);
    }
    return log;
  }

  #inTurn<Result>(key: InstanceKey, task: () => Promise<Result>): Promise<Result> {
    const text = keyText(key);
    const turn = (this.#queues.get(text) ?? Promise.resolve()).then(task, task);
    this.#queues.set(text, turn);
    const forget = (): void => {
      if (this.#queues.get(text) === turn) this.#queues.delete(text);
    };
    turn.then(forget, forget);
    return turn;
  }
}

function keyText({ project, group, name }: InstanceKey): string {
  return `${project}/${group}/${name}`;
}

function logKey({ project, name }: { readonly project: string; readonly name: string }): string {
  return `${project}/${name}`;
}
