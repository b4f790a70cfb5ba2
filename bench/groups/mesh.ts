/** workerd with all Workers and objects, as a process of its own, and what it takes. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { findProcess, listProcesses } from "#processes/processes.ts";

/** Writes since the start. */
export interface Counts {
  /** Of all Lease objects, alarms included. */
  readonly leaseRows: number;
  readonly projectRows: number;
  readonly kvWrites: number;
  readonly kvBytes: number;
}

const startTimeoutMs = 30_000;

/** In memory where that is possible: each join waits until it is on disk, and this is no measurement of a disk that others share. */
const place = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

export class Mesh {
  /** Origin of the control Worker, with nothing before it. */
  readonly api: string;
  readonly #child: ChildProcess;
  readonly #folder: string;
  /** Of workerd itself. */
  readonly #pid: number;

  private constructor(child: ChildProcess, folder: string, api: string) {
    this.#child = child;
    this.#folder = folder;
    this.api = api;
    this.#pid = listProcesses().find(({ name, parent }) => name === "workerd" && parent === child.pid)?.pid ?? 0;
    if (this.#pid === 0) throw new Error("there is no workerd");
  }

  static async start(): Promise<Mesh> {
    const folder = mkdtempSync(path.join(place, "wayside-bench-groups-"));
    const child = spawn(process.execPath, [path.join(import.meta.dirname, "server.ts"), folder], { stdio: ["ignore", "pipe", "inherit"] });
    const api = await new Promise<string>((resolve, reject) => {
      setTimeout(() => reject(new Error("the Workers are not ready")), startTimeoutMs).unref();
      child.once("exit", (status) => reject(new Error(`the Workers ended with ${status}`)));
      createInterface(child.stdout).on("line", (line) => resolve(line));
    });
    return new Mesh(child, folder, api);
  }

  async counts(): Promise<Counts> {
    return (await (await fetch(`${this.api}/counts`)).json()) as Counts;
  }

  /** CPU time of workerd since its start, in seconds. */
  cpuSeconds(): number {
    return findProcess(this.#pid)?.cpuSeconds ?? 0;
  }

  /** Resident memory of workerd. */
  memoryMiB(): number {
    const status = readFileSync(`/proc/${this.#pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024;
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    if (this.#child.exitCode === null && this.#child.kill("SIGTERM")) await gone;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
