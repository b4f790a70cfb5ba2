import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AddressPool } from "#dev/fleet/addresses.ts";
import { Fleet } from "#dev/fleet/fleet.ts";
import { findProcess, type Family } from "#processes/processes.ts";
import { commandFor } from "#dev/fleet/vm.ts";
import type { FleetEvent } from "#instances/fleet.ts";
import { eventually } from "../waiting.ts";
import { group, instance } from "./instances.ts";

let folder = "";
let fleet: Fleet;
let ended: FleetEvent[] = [];
let recorded: readonly Family[] = [];

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "wayside-fleet-"));
  ended = [];
  fleet = new Fleet({
    folder,
    addresses: new AddressPool(60),
    killAfterMs: 700,
    onStart: () => {},
    onEnd: (event) => void ended.push(event),
    onChange: (families) => (recorded = families),
  });
});
afterEach(async () => {
  await fleet.stop();
  expect(recorded).toEqual([]);
  rmSync(folder, { recursive: true });
});

const key = (name: string): { project: string; group: string; name: string } => ({ project: "demo", group, name });

async function logged(name: string, wanted: RegExp): Promise<RegExpExecArray> {
  return eventually(`${name} logs ${String(wanted)}`, async () => {
    const stream = fleet.log("demo", name, { follow: false });
    return (stream && wanted.exec(await new Response(stream).text())) ?? undefined;
  });
}

/** `T` of those processes of a group that stand still. */
function statesOf(group: number): string[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        const [, state = "", , processGroup] = /\) (\S) (\d+) (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
        return Number(processGroup) === group ? [state] : [];
      } catch {
        return [];
      }
    });
}

describe("an instance", () => {
  it("runs its start-up script in a folder of its own, with its address and metadata server", async () => {
    const script = `curl -s -H 'Metadata-Flavor: Google' http://$GCE_METADATA_HOST/computeMetadata/v1/instance/name; echo " $PWD $HOST"; exec sleep 60`;
    const state = await fleet.put(instance("web-a", script));
    expect(state).toMatchObject({ name: "web-a", running: true });
    expect(findProcess(state.pid)?.group).toBe(state.pid);
    const [, cwd, host] = await logged("web-a", /^web-a (\S+) (\S+)$/m);
    expect(host).toBe(state.address);
    expect(cwd?.startsWith(folder)).toBe(true);
    expect(recorded.map((family) => family.leader.pid)).toEqual([state.pid]);
    await fleet.delete(key("web-a"));
    expect(findProcess(state.pid)).toBeUndefined();
    expect(readdirSync(path.join(folder, "vms"))).toEqual([]);
    expect(ended).toEqual([]);
  });

  it("stands still while it is suspended, and goes on with what it had in memory", async () => {
    const script = 'count=0; while true; do count=$((count + 1)); echo "count $count"; sleep 0.05; done';
    const state = await fleet.put(instance("web-a", script));
    await logged("web-a", /count 3/);
    expect(await fleet.suspend(key("web-a"), "99")).toBe(false);
    expect(await fleet.suspend(key("web-a"), state.id)).toBe(true);
    expect(fleet.list("demo", group)).toMatchObject([{ running: true, suspended: true }]);
    await eventually("all of it stands still", () => Promise.resolve(statesOf(state.pid).every((each) => each === "T") || undefined));
    const again = await fleet.put(instance("web-a", script));
    expect(again).toEqual(state);
    await logged("web-a", /count 6/);
    expect((await logged("web-a", /count 1\n[^]*/))[0].match(/count 1\n/g), "it was not started anew").toHaveLength(1);
    await fleet.suspend(key("web-a"));
    await fleet.delete(key("web-a"), state.id);
    expect(findProcess(state.pid)).toBeUndefined();
    expect(await fleet.suspend(key("web-a"))).toBe(false);
  });

  it("is made once per id, and anew under another id", async () => {
    const first = await fleet.put(instance("web-a", "exec sleep 60"));
    expect(await fleet.put(instance("web-a", "exec sleep 60"))).toEqual(first);
    const second = await fleet.put(instance("web-a", "exec sleep 60", { id: "2" }));
    expect(second.pid).not.toBe(first.pid);
    expect(second.address).not.toBe(first.address);
    expect(findProcess(first.pid)).toBeUndefined();
    await fleet.delete(key("web-a"), "7100000000000000001");
    expect(fleet.list("demo", group)).toMatchObject([second]);
    await fleet.delete(key("web-a"), "2");
    expect(fleet.list("demo", group)).toEqual([]);
  });

  it.runIf(process.platform === "linux")("is listed with the CPU time of its processes", async () => {
    await fleet.put(instance("web-a", "while :; do :; done"));
    await eventually("some CPU time", () => (fleet.list("demo", group)[0]?.cpu?.seconds ?? 0) > 0);
    expect(fleet.list("demo", group)[0]?.cpu?.atMs).toBeLessThanOrEqual(Date.now());
  });

  it("leaves nothing behind when it cannot be started", async () => {
    const failing = fleet.put(instance("web-a", "#!/no/such/interpreter\n"));
    await expect(failing).rejects.toThrow(/ENOENT/);
    expect(fleet.list("demo", group)).toEqual([]);
    expect(readdirSync(path.join(folder, "vms"))).toEqual([]);
    expect(await fleet.put(instance("web-a", "exec sleep 60"))).toMatchObject({ running: true });
  });

  it("idles without a start-up script", async () => {
    await fleet.put(instance("web-a", undefined));
    await logged("web-a", /no startup-script/);
    expect(fleet.list("demo", group)).toMatchObject([{ running: true }]);
  });

  it("is one of its group and project alone", async () => {
    await fleet.put(instance("web-a", "exec sleep 60"));
    await fleet.put(instance("web-a", "exec sleep 60", { project: "other" }));
    expect(fleet.list("demo", group)).toHaveLength(1);
    expect(fleet.list("other", group)).toHaveLength(1);
    expect(fleet.list("demo", "zones/us-central1-a/instanceGroups/cart")).toEqual([]);
  });
});

describe("ending", () => {
  it("lets the processes finish on SIGTERM, and keeps their last words", async () => {
    const pid = (await fleet.put(instance("web-a", "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"))).pid;
    await logged("web-a", /^up$/m);
    await fleet.delete(key("web-a"));
    expect(findProcess(pid)).toBeUndefined();
    await logged("web-a", /^bye$/m);
  });

  it("kills what does not end", async () => {
    const script = "trap '' TERM; sleep 60 & trap '' TERM; echo up; while :; do sleep 0.05; done";
    const pid = (await fleet.put(instance("web-a", script))).pid;
    await logged("web-a", /^up$/m);
    const before = performance.now();
    await fleet.delete(key("web-a"));
    expect(performance.now() - before).toBeGreaterThan(600);
    expect(findProcess(pid)).toBeUndefined();
  });

  it("takes daemons along that left the group and the session", async () => {
    await fleet.put(instance("web-a", `setsid bash -c 'echo "daemon $$"; exec sleep 60' & wait`));
    const daemon = Number((await logged("web-a", /^daemon (\d+)$/m))[1]);
    expect(findProcess(daemon)).toBeDefined();
    await fleet.delete(key("web-a"));
    expect(findProcess(daemon)).toBeUndefined();
  });

  it("refuses new instances once the fleet is stopped", async () => {
    await fleet.put(instance("web-a", "exec sleep 60"));
    await fleet.stop();
    expect(fleet.list("demo", group)).toEqual([]);
    await expect(fleet.put(instance("web-b", "exec sleep 60"))).rejects.toThrow(/being stopped/);
  });
});

describe("an instance that ends by itself", () => {
  it.each([
    ["exits with a status", "exit 3", "exit code 3"],
    ["is killed", "kill -9 $$", "signal SIGKILL"],
    ["has done its work", "exit 0", "exit code 0"],
  ])("that %s is told of and stays listed until it is deleted", async (_, script, exit) => {
    const { pid, address } = await fleet.put(instance("web-a", script));
    await eventually("the event", () => ended.length > 0);
    expect(ended).toEqual([{ ...key("web-a"), id: "7100000000000000001", exit }]);
    expect(fleet.list("demo", group)).toEqual([{ name: "web-a", id: "7100000000000000001", address, pid, running: false, exit }]);
    expect(recorded).toEqual([]);
    await fleet.delete(key("web-a"));
    expect(fleet.list("demo", group)).toEqual([]);
  });

  it("takes the rest of its processes along when its leader crashes", async () => {
    const { pid } = await fleet.put(instance("web-a", `sleep 60 & echo "child $!"; wait`));
    const child = Number((await logged("web-a", /^child (\d+)$/m))[1]);
    process.kill(pid, "SIGKILL");
    await eventually("the event", () => ended.length > 0);
    expect(findProcess(child)).toBeUndefined();
  });

  it("lives on in its daemons, as on Compute Engine, and ends with the last of them", async () => {
    await fleet.put(instance("web-a", `nohup sleep 60 >/dev/null 2>&1 & echo "daemon $!"; exit 0`));
    const daemon = Number((await logged("web-a", /^daemon (\d+)$/m))[1]);
    await eventually("the leader has exited", () => findProcess(fleet.list("demo", group)[0]?.pid ?? 0) === undefined);
    expect(fleet.list("demo", group)).toMatchObject([{ running: true }]);
    expect(recorded).toHaveLength(1);
    process.kill(daemon, "SIGKILL");
    await eventually("the event", () => ended.length > 0);
    expect(ended[0]?.exit).toBe("exit code 0");
  });

  it("goes on in the same log when it is made anew", async () => {
    await fleet.put(instance("web-a", "echo first; exit 1"));
    await eventually("the event", () => ended.length > 0);
    await fleet.put(instance("web-a", "echo second; exec sleep 60", { id: "2" }));
    await logged("web-a", /first\n.*ended: exit code 1\n.*started.*\nsecond\n/);
  });
});

describe("commandFor", () => {
  it.each([
    ["echo hi", ["bash", "f"]],
    ["#!/bin/bash\necho", ["bash", "f"]],
    ["#! /bin/sh -e\necho", ["bash", "f"]],
    ["#!/usr/bin/env bash\necho", ["bash", "f"]],
    ["#!/usr/bin/env python3\nprint()", ["f"]],
    ["#!/usr/bin/python3\nprint()", ["f"]],
    ["# !/usr/bin/python3", ["bash", "f"]],
  ])("%j is run as %j", (script, command) => {
    expect(commandFor(script, "f")).toEqual(command);
  });
});
