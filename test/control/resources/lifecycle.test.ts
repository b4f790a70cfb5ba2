/** The standard verbs on every kind, over HTTP. */
import { beforeEach, describe, expect, it } from "vitest";
import { openHarness, project, type Harness } from "./harness.ts";
import { changePath, collectionPath, create, createBase, samples, servedKinds } from "./samples.ts";

let harness: Harness;

beforeEach(async () => {
  harness = openHarness();
  await createBase(harness);
});

describe.each(servedKinds.map((kind) => ({ kind, name: kind.collection })))("$name", ({ kind }) => {
  const path = `${collectionPath(kind)}/one`;
  const change = changePath(kind, "one");
  const isCompute = kind.api === "compute";

  it("is created, answered as it was given, and listed", async () => {
    const { status, body } = await create(harness, kind, "one");
    expect({ status, body }).toMatchObject({ status: 200 });
    if (isCompute) expect(body).toMatchObject({ kind: "compute#operation", status: "DONE", operationType: "insert", progress: 100 });
    else if (kind.api !== "wayside") expect(body).toMatchObject({ done: true, metadata: { verb: "create" } });
    expect(harness.changes()).toMatchObject([{ kind: "created" }]);
    const got = await harness.must("GET", path);
    expect(got).toMatchObject(samples[kind.collection] ?? {});
    if (isCompute) {
      expect(got).toMatchObject({ kind: kind.kind, name: "one", selfLink: `https://www.googleapis.com${path}` });
      expect(got.id).toMatch(/^\d{10,19}$/);
      expect(got.creationTimestamp).toBe("2026-10-01T00:00:00.000Z");
      expect(got.fingerprint === undefined ? "" : got.fingerprint).toMatch(kind.fingerprint ? /^[A-Za-z0-9_-]{11}=$/ : /^$/);
    } else if (kind.api !== "wayside") {
      expect(got.name).toBe(path.replace("/v1/", ""));
    }
    const listed = await harness.must("GET", collectionPath(kind));
    expect(isCompute ? listed.items : listed[kind.collection]).toContainEqual(got);
    if (isCompute) expect(listed.kind).toBe(`${kind.kind}List`);
  });

  it("is refused a second time, in Google's words", async () => {
    await create(harness, kind, "one");
    const { status, body } = await create(harness, kind, "one");
    const name = path.replace(/^.*projects\//, "projects/");
    expect(status).toBe(409);
    expect(body.error.message).toBe(isCompute ? `The resource '${name}' already exists` : `Resource '${name}' already exists`);
    expect(harness.changes()).toEqual([]);
  });

  it("is gone after it was deleted", async () => {
    await create(harness, kind, "one");
    await harness.must("DELETE", path);
    expect(harness.changes()).toMatchObject([{ kind: "deleted" }]);
    const { status, body } = await harness.send("GET", path);
    const name = path.replace(/^.*projects\//, "projects/");
    expect(status).toBe(404);
    expect(body.error.message).toBe(isCompute ? `The resource '${name}' was not found` : `Resource '${name}' was not found`);
    expect((await harness.send("DELETE", path)).status).toBe(404);
  });

  it.runIf(kind.verbs.includes("patch"))("is not changed by a patch with itself, and is by another", async () => {
    await create(harness, kind, "one");
    const before = await harness.must("GET", path);
    await harness.must("PATCH", change, before);
    expect(harness.changes()).toEqual([]);
    expect(await harness.must("GET", path)).toEqual(before);
    if (kind.api === "wayside") return;
    harness.advance(1000);
    await harness.must("PATCH", `${change}updateMask=description`, { description: "new" });
    expect(harness.changes()).toMatchObject([{ kind: "updated" }]);
    const after = await harness.must("GET", path);
    expect(after).toMatchObject({ ...samples[kind.collection], description: "new" });
    expect(after.id).toBe(before.id);
    if (kind.fingerprint) expect(after.fingerprint).not.toBe(before.fingerprint);
  });

  it.runIf(isCompute && kind.verbs.includes("update"))("is replaced whole by PUT", async () => {
    await create(harness, kind, "one");
    await harness.must("PATCH", change, { description: "old" });
    const { description: _description, ...rest } = await harness.must("GET", path);
    await harness.must("PUT", change, rest);
    expect((await harness.must("GET", path)).description ?? "").toBe("");
  });

  it("answers no null and no field that Google does not know", async () => {
    await create(harness, kind, "one");
    expect(JSON.stringify(await harness.must("GET", path))).not.toMatch(/:null|__proto__/);
  });
});

describe("operations", () => {
  it("of Compute can be got, waited for, listed and deleted in their scope", async () => {
    const op = await harness.must("POST", `/compute/v1/projects/${project}/global/healthChecks`, {
      name: "h",
      type: "TCP",
      tcpHealthCheck: {},
    });
    const path = new URL(op.selfLink).pathname;
    expect(path).toBe(`/compute/v1/projects/${project}/global/operations/${op.name}`);
    expect(await harness.must("GET", path)).toEqual(op);
    expect(await harness.must("POST", `${path}/wait?`, "")).toEqual(op);
    const list = await harness.must("GET", `/compute/v1/projects/${project}/global/operations?filter=name eq ${op.name}`);
    expect(list).toMatchObject({ kind: "compute#operationList", items: [op] });
    await harness.must("DELETE", path);
    expect((await harness.send("GET", path)).status).toBe(404);
  });

  it("carry the URL of their zone or region", async () => {
    const zonal = await harness.must("POST", `/compute/v1/projects/${project}/zones/us-east1-b/networkEndpointGroups`, { name: "n" });
    expect(zonal.zone).toBe(`https://www.googleapis.com/compute/v1/projects/${project}/zones/us-east1-b`);
    expect(zonal.selfLink).toContain("/zones/us-east1-b/operations/");
    const regional = await harness.must("POST", `/compute/v1/projects/${project}/regions/us-east1/healthChecks`, {
      name: "h",
      type: "TCP",
      tcpHealthCheck: {},
    });
    expect(regional.region).toBe(`https://www.googleapis.com/compute/v1/projects/${project}/regions/us-east1`);
  });

  it("of Network Services are found by their names and can be cancelled to no effect", async () => {
    const op = await harness.must("POST", `/v1/projects/${project}/locations/global/meshes?meshId=m`, {});
    expect(op.response).toMatchObject({ "@type": "type.googleapis.com/google.cloud.networkservices.v1.Mesh" });
    expect(await harness.must("GET", `/v1/${op.name}`)).toEqual(op);
    expect(await harness.must("POST", `/v1/${op.name}:cancel`, {})).toEqual({});
    const gone = await harness.must("DELETE", `/v1/projects/${project}/locations/global/meshes/m`);
    expect(gone.response).toEqual({ "@type": "type.googleapis.com/google.protobuf.Empty" });
    const listed = await harness.must("GET", `/v1/projects/${project}/locations/global/operations`);
    expect(listed.operations).toContainEqual(gone);
  });

  it("are the same for the same requestId, and nothing is done twice", async () => {
    const path = `/compute/v1/projects/${project}/global/healthChecks?requestId=7f0ec1c2-0000-4000-8000-000000000001`;
    const body = { name: "h", type: "TCP", tcpHealthCheck: {} };
    const first = await harness.must("POST", path, body);
    expect(first.clientOperationId).toBe("7f0ec1c2-0000-4000-8000-000000000001");
    expect(await harness.must("POST", path, body)).toEqual(first);
    expect(harness.changes()).toEqual([]);
  });

  it("of another request with the same requestId are others", async () => {
    const id = "requestId=7f0ec1c2-0000-4000-8000-000000000002";
    const first = await harness.must("POST", `/compute/v1/projects/${project}/global/healthChecks?${id}`, {
      name: "h",
      type: "TCP",
      tcpHealthCheck: {},
    });
    const second = await harness.must("DELETE", `/compute/v1/projects/${project}/global/healthChecks/h?${id}`);
    expect(second.name).not.toBe(first.name);
  });
});
