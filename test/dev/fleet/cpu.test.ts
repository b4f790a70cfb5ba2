import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { cpuSecondsOf } from "#dev/fleet/cpu.ts";
import { findProcess, signalFamily, type Family, type ProcessInfo } from "#processes/processes.ts";
import { eventually } from "../waiting.ts";

const family = (pid: number, started = 10): Family => ({ leader: { pid, started }, mark: "NONE=1" });

function info(pid: number, changes: Partial<ProcessInfo> = {}): ProcessInfo {
  return { pid, parent: 1, group: pid, session: pid, started: 10, name: "vm", cpuSeconds: 1, ...changes };
}

describe("CPU time of a family", () => {
  const own = family(100);
  it.each<[string, readonly ProcessInfo[], number | undefined]>([
    ["of the leader", [info(100)], 1],
    ["of its group and session", [info(100), info(101, { group: 100, session: 100 }), info(102, { session: 100 })], 3],
    ["of a child that left both", [info(100), info(101, { parent: 100 }), info(102, { parent: 101 })], 3],
    ["not of strangers", [info(100), info(200)], 1],
    ["not of a stranger with its number", [info(100, { started: 9 })], undefined],
    ["of what the leader left behind", [info(101, { session: 100, started: 11 })], 1],
    ["nothing where the system does not tell", [{ pid: 100, parent: 1, group: 100, session: 100, started: 10, name: "vm" }], undefined],
    ["in a circle of parents", [info(300, { parent: 301 }), info(301, { parent: 300 })], undefined],
  ])("is %s", (_, processes, expected) => {
    expect(cpuSecondsOf([own, family(500)], processes).get(own)).toBe(expected);
  });

  it.runIf(process.platform === "linux")("grows while a real process works", async () => {
    const child = spawn("bash", ["-c", "while :; do :; done"], { detached: true, stdio: "ignore" });
    const leader = findProcess(child.pid ?? 0);
    if (!leader) throw new Error("the leader has ended");
    const busy = { leader, mark: "NONE=1" };
    await eventually("a tenth of a second", () => (cpuSecondsOf([busy]).get(busy) ?? 0) >= 0.1);
    const ended = once(child, "exit");
    signalFamily(busy, "SIGKILL");
    await ended;
    expect(cpuSecondsOf([busy]).size).toBe(0);
  });
});
