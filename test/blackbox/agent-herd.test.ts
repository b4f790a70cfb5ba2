/** Five hundred VMs that lose power together, and VMs whose clock is wrong. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort, instances, startAgent, tokenOf, watched, type AgentProcess, type InstanceRow } from "./harness/agents.ts";
import { must, until } from "./harness/rest.ts";
import { ask } from "./harness/traffic.ts";
import { root, startMesh, wayside, type Mesh } from "./harness/wayside.ts";

const host = "hello.shop.mesh";
const scratch = mkdtempSync(join(tmpdir(), "wayside-herd-"));
const started: AgentProcess[] = [];
const application = createServer((_request, response) => response.end("hello")).listen(0, "127.0.0.1");
let mesh: Mesh;

beforeAll(async () => {
  mesh = await startMesh();
  const applied = await wayside(["apply", "-f", "examples/agent/hello.yaml"], { env: { WAYSIDE_API: mesh.api } });
  expect(applied.status, applied.stderr).toBe(0);
});

afterAll(async () => {
  for (const one of started) if (one.process.exitCode === null) one.process.kill("SIGKILL");
  await Promise.all(started.map((one) => one.ended()));
  await mesh.stop();
  application.close();
  rmSync(scratch, { recursive: true, force: true });
});

describe("five hundred agents", () => {
  const [herds, each, leaseSec] = [2, 250, 10];
  const start = (more: readonly string[]): AgentProcess[] =>
    Array.from({ length: herds }, (_, index) => {
      const { port } = application.address() as AddressInfo;
      const given = [mesh.api, join(scratch, `herd-${index}`), String(each), String(port), ...more];
      const herd = watched(spawn(process.execPath, ["test/blackbox/harness/agent-herd.ts", ...given], { cwd: root }), scratch);
      started.push(herd);
      return herd;
    });
  const all = (what: string, withinSec: number, is: (one: InstanceRow) => boolean): Promise<InstanceRow[]> =>
    until(what, withinSec * 1000, async () => {
      // The list of all is no small thing to ask for: not twenty times a second.
      await new Promise((resolve) => setTimeout(resolve, 200));
      const rows = await instances(mesh.api);
      return rows.length === herds * each && rows.every(is) && rows;
    });
  const isServing = ({ connection, health }: InstanceRow): boolean => connection?.state === "CONNECTED" && health === "HEALTHY";
  const identities = (rows: readonly InstanceRow[]): string[] => rows.map(({ name, group }) => `${group}/${name}`).toSorted();

  it("that lose power are out of traffic, and all back within the time of a lease, each as what it was", async () => {
    const token = await tokenOf(mesh.api, "hello", ["--uses", "500", "--lease-ttl", String(leaseSec)]);
    const first = start([token]);
    const before = await all("all joined", 30, isServing);
    for (const herd of first) herd.process.kill("SIGKILL");
    await all("all lost", 2 * leaseSec, ({ connection }) => connection?.state === "LOST");
    await until("no endpoint", 5_000, async () => (await ask(mesh.mesh, { host })).status === 503);
    start([]);
    const after = await all("all back", leaseSec, isServing);
    expect(identities(after)).toEqual(identities(before));
    const epochs = new Map(before.map(({ name, connection }) => [name, connection?.epoch ?? 0]));
    expect(after.filter(({ name, connection }) => (connection?.epoch ?? 0) <= (epochs.get(name) ?? 0))).toEqual([]);
    expect(after.filter((one) => one.cloneSuspected)).toEqual([]);
    expect((await ask(mesh.mesh, { host })).status).toBe(200);
  }, 90_000);
});

describe("a VM whose clock is wrong", () => {
  it.each([-600_000, 600_000])("by %i ms joins, keeps its lease, serves and leaves like any other", async (skewMs) => {
    const alone = await startMesh();
    expect((await wayside(["apply", "-f", "examples/agent/hello.yaml"], { env: { WAYSIDE_API: alone.api } })).status).toBe(0);
    const folder = join(scratch, `skew-${skewMs}`);
    const clock = join(root, "test/blackbox/harness/skewed-clock.ts");
    const env = { NODE_OPTIONS: `--import=${clock}`, CLOCK_SKEW_MS: String(skewMs) };
    const one = startAgent({ api: alone.api, folder, port: await freePort(), token: await tokenOf(alone.api, "hello"), env });
    started.push(one);
    const [, name = ""] = await one.said(/registered (\S+) in /);
    await one.said(/is healthy: the mesh may send it requests/);
    await until("an answer", 10_000, async () => (await ask(alone.mesh, { host })).status === 200);
    const status = await wayside(["agent", "status", "--state", folder, "-o", "json"]);
    const { lastContact } = JSON.parse(status.stdout) as { lastContact: string };
    expect(Math.abs(Date.parse(lastContact) - Date.now() - skewMs), "its clock is wrong").toBeLessThan(30_000);
    const [row] = await instances(alone.api);
    expect(Math.abs(Date.parse(row?.connection?.since ?? "") - Date.now()), "and nobody believes it").toBeLessThan(60_000);
    const heard = async () => Date.parse((await must(alone.api, "GET", `/wayside/v1/projects/demo/instances/${name}`)).lastHeartbeat.at);
    const first = await heard();
    // Longer than the lease of three seconds.
    await until("heartbeats", 15_000, async () => (await heard()) > first + 4_000);
    expect(await instances(alone.api)).toMatchObject([{ name, connection: { state: "CONNECTED", epoch: 1 }, health: "HEALTHY" }]);
    one.process.kill("SIGTERM");
    expect(await one.ended()).toBe(0);
    expect(await instances(alone.api)).toEqual([]);
    await alone.stop();
  });
});
