import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { findProcess, isRunning, listProcesses, membersOf, parsePsLine, signalFamily } from "#processes/processes.ts";
import { eventually } from "../dev/waiting.ts";

describe("processes of this machine", () => {
  it("finds our own process, its parent and its start", () => {
    const own = findProcess(process.pid);
    expect(own?.parent).toBe(process.ppid);
    expect(listProcesses().find((info) => info.pid === process.pid)?.started).toBe(own?.started);
  });

  it("tells a process from another one of the same number", async () => {
    const own = findProcess(process.pid);
    expect(own && isRunning(own)).toBe(true);
    expect(own && isRunning({ pid: own.pid, started: own.started - 1 })).toBe(false);
    const child = spawn("true");
    const pid = child.pid ?? 0;
    await once(child, "exit");
    expect(findProcess(pid)).toBeUndefined();
  });
});

describe("a family", () => {
  it("is the leader's group, its session, and whoever left both with the VM's environment", async () => {
    const mark = `GCE_METADATA_HOST=test-${process.pid}`;
    const script = "set -m; sleep 61 & setsid sleep 62 & exec sleep 60";
    const [name = "", value = ""] = mark.split("=");
    const child = spawn("bash", ["-c", script], { detached: true, stdio: "ignore", env: { PATH: process.env["PATH"], [name]: value } });
    const leader = findProcess(child.pid ?? 0);
    if (!leader) throw new Error("the leader has ended");
    const family = { leader, mark };
    const members = await eventually("three sleeps", () => {
      const found = membersOf(family);
      return found.filter((info) => info.name === "sleep").length === 3 && found;
    });
    expect(members[0]?.pid).toBe(leader.pid);
    expect(new Set(members.map((info) => info.group)).size).toBe(3);

    // The same number with another start is a stranger's: only the mark still counts.
    const stranger = { leader: { pid: leader.pid, started: leader.started - 1 }, mark: "GCE_METADATA_HOST=nobody" };
    expect(membersOf(stranger)).toEqual([]);
    signalFamily(stranger, "SIGKILL");
    expect(membersOf(family)).toHaveLength(3);

    const ended = once(child, "exit");
    signalFamily(family, "SIGKILL");
    await ended;
    await eventually("all gone", () => membersOf(family).length === 0);
  });
});

describe("parsePsLine", () => {
  it.each([
    [
      "  123     1   120 Ss   Sun Nov 22 20:29:00 2026     /usr/sbin/my daemon",
      { pid: 123, parent: 1, group: 120, session: 120, name: "my daemon" },
    ],
    ["99999 42 99999 S+ Mon Jan  5 01:02:03 2026 bash", { pid: 99_999, parent: 42, group: 99_999, session: 99_999, name: "bash" }],
    ["  5 1 5 Z+ Mon Jan  5 01:02:03 2026 (bash)", undefined],
    ["", undefined],
  ])("%j", (line, expected) => {
    const parsed = parsePsLine(line);
    if (expected === undefined) expect(parsed).toBeUndefined();
    else expect(parsed).toMatchObject(expected);
    if (parsed) expect(Number.isInteger(parsed.started)).toBe(true);
  });
});
