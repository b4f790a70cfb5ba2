/** Secrets reach the upstream sealed until the last moment, rotate without a failed request, and are found nowhere else. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startCollector, type Collector } from "./harness/collector.ts";
import { createBackend, createMesh, createRoute } from "./harness/resources.ts";
import { call, must, until } from "./harness/rest.ts";
import { ask, startLoad } from "./harness/traffic.ts";
import { startMesh, wayside, type Mesh } from "./harness/wayside.ts";

const host = "sealed.shop.mesh";
const secret = "/v1/projects/demo/secrets/token";
const first = "first-5f1d9c7e-value";
const second = "second-8a2b4c6d-value";

let collector: Collector;
let mesh: Mesh;
const state = mkdtempSync(join(tmpdir(), "wayside-secrets-"));

const addVersion = (value: string): Promise<unknown> =>
  must(mesh.api, "POST", `${secret}:addVersion`, { payload: { data: Buffer.from(value).toString("base64") } });

async function seen(path: string): Promise<string | undefined> {
  const reply = await ask(mesh.mesh, { host, path });
  return reply.status === 200 ? (JSON.parse(reply.body) as { headers: Record<string, string> }).headers["x-token"] : undefined;
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}

describe("a secret in a header", () => {
  beforeAll(async () => {
    collector = await startCollector();
    mesh = await startMesh(["--state", state, "--otlp", collector.url]);
    await must(mesh.api, "POST", "/v1/projects/demo/secrets?secretId=token", { replication: { automatic: {} } });
    await addVersion(first);
    await createMesh(mesh.api, "demo");
    await createBackend({ api: mesh.api, project: "demo", name: "sealed", size: 1 });
    const destinations = [{ serviceName: "projects/demo/locations/global/backendServices/sealed" }];
    await createRoute({ api: mesh.api, project: "demo", name: "sealed", host }, [
      { matches: [{ prefixMatch: "/echo/plain" }], action: { destinations } },
      { action: { destinations, requestHeaderModifier: { set: { "x-token": "{secret.token}" } } } },
    ]);
    await until("an answer", 15_000, async () => (await ask(mesh.mesh, { host, path: "/echo" })).status === 200);
  });
  afterAll(async () => {
    await mesh.stop();
    await collector.close();
    rmSync(state, { recursive: true, force: true });
  });

  it("is what the upstream sees", async () => {
    expect(await seen("/echo")).toBe(first);
    expect(await seen("/echo/plain")).toBeUndefined();
  });

  it("is the new version within 5 s of its creation, with no failed request", async () => {
    const load = startLoad(mesh.mesh, { host, path: "/echo" }, 50);
    await addVersion(second);
    await until("the new value", 5_000, async () => (await seen("/echo")) === second);
    expect((await load.stop()).failures).toEqual({});
  });

  it("falls back to the latest version that is still enabled", async () => {
    await must(mesh.api, "POST", `${secret}/versions/2:disable`, {});
    await until("the first value again", 5_000, async () => (await seen("/echo")) === first);
  });

  it("costs 503 on the routes that name it, and on no other, when no version is left", async () => {
    await must(mesh.api, "POST", `${secret}/versions/1:destroy`, {});
    await must(mesh.api, "POST", `${secret}/versions/2:destroy`, {});
    const reply = await until("503", 5_000, async () => {
      const answer = await ask(mesh.mesh, { host, path: "/echo" });
      return answer.status === 503 && answer;
    });
    expect(reply.headers["x-wayside-reason"]).toBe("secret_unavailable");
    expect((await ask(mesh.mesh, { host, path: "/echo/plain" })).status).toBe(200);
    const access = await call(mesh.api, "GET", `${secret}/versions/1:access`);
    expect([access.status, access.body.error.status]).toEqual([400, "FAILED_PRECONDITION"]);
  });

  it("is in no file, log, span or answer but that of :access", async () => {
    const third = "third-1e2f3a4b-value";
    await addVersion(third);
    await until("the third value", 5_000, async () => (await seen("/echo")) === third);
    const { payload } = await must(mesh.api, "GET", `${secret}/versions/latest:access`);
    expect(Buffer.from(payload.data, "base64").toString()).toBe(third);

    const paths = [secret, `${secret}/versions`, "/wayside/v1/projects/demo/status", "/v1/projects/demo/locations/global/httpRoutes"];
    const answers = await Promise.all(paths.map(async (path) => JSON.stringify(await must(mesh.api, "GET", path))));
    const explained = await must(mesh.api, "POST", "/wayside/v1/projects/demo/explain", {
      method: "GET",
      url: `http://${host}/echo`,
      headers: [],
    });
    const described = await wayside(["describe", "secret", "token", "--api", mesh.api]);
    await until("spans are out", 5_000, async () => collector.bodies.length > 0);
    expect(explained.upstream.headersToSet).toContainEqual({ name: "x-token", value: "{secret.token}" });

    const haystacks = new Map<string, string>([
      ["answers", answers.join("\n") + JSON.stringify(explained) + described.stdout + described.stderr],
      ["output of dev", mesh.output()],
      ["spans", collector.bodies.join("\n")],
      ...filesUnder(state).map((path): [string, string] => [path, readFileSync(path, "latin1")]),
    ]);
    expect(filesUnder(state).length).toBeGreaterThan(2);
    for (const value of [first, second, third])
      for (const form of [value, Buffer.from(value).toString("base64").replace(/=+$/, "")])
        for (const [place, text] of haystacks) expect(text.includes(form), `${place} holds a secret`).toBe(false);
  });
});
