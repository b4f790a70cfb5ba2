/** Minutes of a VM's life, from its token to its end: what is left of it afterwards, looked for in everything that keeps state. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { freePort, instances, processesWith, startAgent, tokenOf, type AgentProcess } from "./harness/agents.ts";
import { call, until } from "./harness/rest.ts";
import { readKv, readObjects } from "./harness/state-folder.ts";
import { ask } from "./harness/traffic.ts";
import { startMesh, wayside, type Mesh } from "./harness/wayside.ts";

const host = "hello.shop.mesh";
const scratch = mkdtempSync(join(tmpdir(), "wayside-life-"));
const state = join(scratch, "mesh");
let mesh: Mesh;
let one: AgentProcess;

beforeAll(async () => {
  mesh = await startMesh(["--state", state]);
  const applied = await wayside(["apply", "-f", "examples/agent/hello.yaml"], { env: { WAYSIDE_API: mesh.api } });
  expect(applied.status, applied.stderr).toBe(0);
  await until("the service", 10_000, async () => (await ask(mesh.mesh, { host })).status === 503);
});

afterAll(async () => {
  if (one.process.exitCode === null) one.process.kill("SIGKILL");
  await mesh.stop();
  rmSync(scratch, { recursive: true, force: true });
});

const vm = (...command: string[]) => wayside(["vm", ...command], { env: { WAYSIDE_API: mesh.api } });

/** Keys that are in use, each with what it says but for its generation and time: what no pointer names any more waits to be collected. */
function live(): Map<string, string> {
  const garbage = new Set(readObjects(state, "ProjectObject").flatMap(({ table, text }) => (table === "garbage" ? text.split("\t") : [])));
  const entries = [...readKv(state)].filter(([key]) => !garbage.has(key));
  return new Map(entries.map(([key, value]) => [key, key.startsWith("ptr/") ? (JSON.parse(value) as { digest: string }).digest : value]));
}

/** Tables of the objects that hold a row about the VM. */
function tablesAbout(name: string): string[] {
  const rows = ["ProjectObject", "GroupObject", "LeaseObject"].flatMap((className) =>
    readObjects(state, className).map(({ table, text }) => ({ at: `${className} ${table}`, text })),
  );
  return [...new Set(rows.filter(({ text }) => text.includes(name)).map(({ at }) => at))].toSorted();
}

async function serving(terms: readonly string[]): Promise<string> {
  const port = await freePort();
  const folder = join(scratch, String(port));
  one = startAgent({ api: mesh.api, folder, port, token: await tokenOf(mesh.api, "hello", terms) });
  const [, name = ""] = await one.said(/registered (\S+) in /);
  await until("an answer", 15_000, async () => (await ask(mesh.mesh, { host })).status === 200);
  return name;
}

async function nothingIsLeft(name: string, before: ReadonlyMap<string, string>): Promise<void> {
  expect(await instances(mesh.api)).toEqual([]);
  expect((await call(mesh.api, "GET", `/wayside/v1/projects/demo/instances/${name}`)).status).toBe(404);
  expect((await call(mesh.api, "GET", `/compute/v1/projects/demo/zones/us-central1-a/instances/${name}`)).status).toBe(404);
  await until("the same keys and values in Workers KV as before", 10_000, async () => {
    expect(live()).toEqual(before);
    return true;
  });
  // Whom a token let in is remembered with it for an hour, and what was done is in the audit log.
  const kept = ["ProjectObject audit", "ProjectObject resources"];
  await until("no row about it", 10_000, async () => tablesAbout(name).every((table) => kept.includes(table)));
  const resources = readObjects(state, "ProjectObject").filter(({ table, text }) => table === "resources" && text.includes(name));
  expect(resources.filter(({ text }) => !text.startsWith("joinTokens/"))).toEqual([]);
}

it("joins, serves, is drained and leaves, and nothing of it is left", async () => {
  const before = live();
  const name = await serving([]);
  expect([...live().values()].filter((value) => value.includes(name))).toHaveLength(1);
  expect(tablesAbout(name)).toContain("LeaseObject lease");
  const answers = await Promise.all(Array.from({ length: 100 }, () => ask(mesh.mesh, { host })));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect((await vm("drain", name)).status).toBe(0);
  await until("no endpoint", 10_000, async () => (await ask(mesh.mesh, { host })).status === 503);
  one.process.kill("SIGTERM");
  expect(await one.ended()).toBe(0);
  await nothingIsLeft(name, before);
  expect(processesWith(one.folder)).toEqual([]);
});

it("is killed and never comes back: collected after its time, and nothing of it is left", async () => {
  const before = live();
  const name = await serving(["--lease-ttl", "3", "--collect-after", "1"]);
  one.process.kill("SIGKILL");
  await until("collected", 20_000, async () => (await instances(mesh.api)).length === 0);
  await nothingIsLeft(name, before);
  expect(readObjects(state, "LeaseObject")).toEqual([]);
  // The application goes on without its agent: nobody but the VM's owner may end it.
  const { pid } = JSON.parse(readFileSync(join(one.folder, "application.json"), "utf8")) as { pid: number };
  process.kill(-pid, "SIGTERM");
});
