/** No process outlives its mesh: neither after an orderly end, nor after a kill -9 of `dev` and the next start. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { createBackend, createMesh, createRoute } from "./harness/resources.ts";
import { until } from "./harness/rest.ts";
import { ask } from "./harness/traffic.ts";
import { startMesh, type Mesh } from "./harness/wayside.ts";

const host = "mortal.shop.mesh";
const state = mkdtempSync(join(tmpdir(), "wayside-orphans-"));
let mesh: Mesh | undefined;

afterEach(async () => {
  await mesh?.stop();
});

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Process ids of the applications of a service with two instances. */
async function startService(running: Mesh): Promise<number[]> {
  await createBackend({ api: running.api, project: "demo", name: "mortal", size: 2 });
  await createMesh(running.api, "demo");
  await createRoute({ api: running.api, project: "demo", name: "mortal", host });
  return applicationPids(running);
}

async function applicationPids(running: Mesh): Promise<number[]> {
  return until("both instances answer", 20_000, async () => {
    const replies = await Promise.all(Array.from({ length: 12 }, () => ask(running.mesh, { host, path: "/echo" })));
    const pids = new Set(replies.filter((reply) => reply.status === 200).map((reply) => (JSON.parse(reply.body) as { pid: number }).pid));
    return pids.size === 2 && [...pids];
  });
}

it("ends every VM process with SIGTERM, and itself with status 0", async () => {
  mesh = await startMesh();
  const pids = await startService(mesh);
  expect(pids.every(alive)).toBe(true);
  expect(await mesh.stop("SIGTERM")).toBe(0);
  expect(pids.filter(alive)).toEqual([]);
});

it("cleans up at the next start what a kill -9 left behind, says so, and keeps its state", async () => {
  mesh = await startMesh(["--state", state]);
  const pids = await startService(mesh);
  await mesh.stop("SIGKILL");
  mesh = await startMesh(["--state", state]);
  expect(mesh.events.find((event) => event["event"] === "cleaned")).toBeDefined();
  await until("the old processes are gone", 10_000, async () => pids.filter(alive).length === 0);
  const fresh = await applicationPids(mesh);
  expect(fresh.filter((pid) => pids.includes(pid))).toEqual([]);
  expect(await mesh.stop()).toBe(0);
  expect(fresh.filter(alive)).toEqual([]);
  rmSync(state, { recursive: true, force: true });
});
