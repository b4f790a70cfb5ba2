import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bootId, findProcess, listProcesses } from "#processes/processes.ts";
import { cleanUpRuns } from "#dev/runs/clean-up.ts";
import { isLive, readRuns, type Run, RunFile } from "#dev/runs/run-file.ts";
import { eventually } from "../waiting.ts";

let runs = "";
const started: ChildProcess[] = [];

beforeEach(() => {
  runs = path.join(mkdtempSync(path.join(tmpdir(), "wayside-runs-")), "runs");
  mkdirSync(runs);
});
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
  rmSync(path.dirname(runs), { recursive: true });
});

interface Owner {
  readonly child: ChildProcess;
  readonly pids: readonly number[];
  readonly folder: string;
}

async function startOwner(scripts: readonly string[]): Promise<Owner> {
  const file = path.join(import.meta.dirname, "owner.ts");
  const child = spawn(process.execPath, [file, runs, JSON.stringify(scripts)], { stdio: ["ignore", "pipe", "inherit"] });
  started.push(child);
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { child, ...(JSON.parse(String(line)) as { pids: number[]; folder: string }) };
}

async function kill(owner: Owner): Promise<void> {
  const ended = once(owner.child, "exit");
  owner.child.kill("SIGKILL");
  await ended;
}

const alive = (pid: number): boolean => findProcess(pid) !== undefined;

describe("after kill -9 of the owner", () => {
  it("ends its VMs with their daemons, removes its folder, and says how many there were", async () => {
    const owner = await startOwner([
      "exec sleep 61",
      "trap '' TERM; sleep 62 & setsid sleep 63 & wait",
      "nohup sleep 64 >/dev/null 2>&1 & exit 0",
    ]);
    const sleeping = (): number => listProcesses().filter((info) => info.name === "sleep" && owner.pids.includes(info.session)).length;
    await eventually("all scripts are at their sleep", () => sleeping() === 3);
    await kill(owner);
    expect(sleeping()).toBe(3);
    expect(await cleanUpRuns(runs)).toEqual([{ pid: owner.child.pid, vms: 3 }]);
    expect(sleeping()).toBe(0);
    expect(owner.pids.filter(alive)).toEqual([]);
    expect(existsSync(owner.folder)).toBe(false);
    expect(readdirSync(runs)).toEqual([]);
    expect(await cleanUpRuns(runs)).toEqual([]);
  });

  it("leaves a process alone that has the number of a VM but another start", async () => {
    const owner = await startOwner(["exec sleep 65"]);
    await kill(owner);
    const file = path.join(runs, "0.json");
    const run = JSON.parse(readFileSync(file, "utf8")) as Run;
    const strangers = run.vms.map(({ leader }) => ({
      leader: { ...leader, started: leader.started - 1 },
      mark: "GCE_METADATA_HOST=nobody",
    }));
    writeFileSync(file, JSON.stringify({ ...run, vms: strangers }));
    expect(await cleanUpRuns(runs)).toEqual([{ pid: owner.child.pid, vms: 0 }]);
    const [pid = 0] = owner.pids;
    expect(alive(pid)).toBe(true);
    process.kill(pid, "SIGKILL");
  });

  it("ends nothing of a run of another boot", async () => {
    const owner = await startOwner(["exec sleep 66"]);
    const file = path.join(runs, "0.json");
    const run = JSON.parse(readFileSync(file, "utf8")) as Run;
    writeFileSync(file, JSON.stringify({ ...run, boot: `${bootId()}-before` }));
    expect(await cleanUpRuns(runs)).toEqual([{ pid: owner.child.pid, vms: 0 }]);
    expect(owner.pids.every(alive)).toBe(true);
    expect(alive(owner.child.pid ?? 0)).toBe(true);
    for (const pid of owner.pids) process.kill(pid, "SIGKILL");
  });

  it("removes no folder that is not a run's own", async () => {
    const owner = await startOwner([]);
    await kill(owner);
    const file = path.join(runs, "0.json");
    const precious = path.join(path.dirname(runs), "..", path.basename(path.dirname(runs)), "precious");
    mkdirSync(precious);
    writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, "utf8")) as Run), folder: precious }));
    await cleanUpRuns(runs);
    expect(existsSync(precious)).toBe(true);
  });
});

describe("runs that go on", () => {
  it("never share a slice, even when they start at once", async () => {
    await Promise.all([startOwner([]), startOwner([]), startOwner([])]);
    expect(readRuns(runs).map(({ run }) => run.slice)).toEqual([0, 1, 2]);
  });

  it("are not touched, and have slices of their own", async () => {
    const first = await startOwner(["exec sleep 67"]);
    const second = await startOwner([]);
    expect(await cleanUpRuns(runs)).toEqual([]);
    expect(readRuns(runs).map(({ run }) => [run.slice, isLive(run)])).toEqual([
      [0, true],
      [1, true],
    ]);
    expect(first.pids.every(alive)).toBe(true);
    await kill(first);
    expect(await cleanUpRuns(runs)).toEqual([{ pid: first.child.pid, vms: 1 }]);
    expect(alive(second.child.pid ?? 0)).toBe(true);
    const third = RunFile.claim(runs);
    expect(third.run.slice).toBe(0);
    third.remove();
  });

  it("are recognised beside files that are no runs", async () => {
    writeFileSync(path.join(runs, "5.json"), '{"version":1,');
    writeFileSync(path.join(runs, "6.json"), '{"version":9}');
    expect(readRuns(runs)).toEqual([]);
    expect(await cleanUpRuns(runs)).toEqual([]);
  });

  it("record their workerd by its mark before it has a number", () => {
    const run = RunFile.claim(runs);
    const recorded = readRuns(runs)[0]?.run.workerd[0];
    const [[name, value] = []] = Object.entries(run.workerdEnvironment);
    expect(recorded?.mark).toBe(`${name}=${value}`);
    run.remove();
    expect(existsSync(run.run.folder)).toBe(false);
  });
});
