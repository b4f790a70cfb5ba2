import { describe, expect, it } from "vitest";
import { UserError } from "#base/errors.ts";
import { importMasterKey, unseal } from "#base/seal.ts";
import type { Json } from "#base/json.ts";
import { textOf } from "#control/store/row.ts";
import { masterKey, World, type WorldOptions } from "../project/harness.ts";

const plaintext = "hunter2-canary-plaintext";
const path = "projects/demo/secrets/api-key";

function secrets(world: World, verb: string, rest: { name?: string; query?: Record<string, string>; body?: Json } = {}) {
  return world.run({ collection: "secrets", scope: "", verb, ...(verb !== "insert" && verb !== "list" && { name: "api-key" }), ...rest });
}

const add = (world: World, text = plaintext) => secrets(world, "addVersion", { body: { payload: { data: btoa(text) } } });
const version = (world: World, verb: string, number: number | string) => secrets(world, verb, { query: { version: String(number) } });

async function worldWithSecret(options: WorldOptions = {}): Promise<World> {
  const world = new World(options);
  await secrets(world, "insert", { query: { secretId: "api-key" }, body: { replication: { automatic: {} }, labels: { team: "pay" } } });
  return world;
}

async function refusal(outcome: Promise<unknown>): Promise<UserError> {
  const thrown: unknown = await outcome.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof UserError) return thrown;
  throw new Error("was not refused", { cause: thrown });
}

describe("secrets", () => {
  it("are created, read, listed, changed and deleted", async () => {
    const world = await worldWithSecret();
    const created = { name: path, createTime: "2026-11-22T00:00:00.000Z", replication: { automatic: {} }, labels: { team: "pay" } };
    expect((await secrets(world, "get")).body).toMatchObject(created);
    expect((await secrets(world, "list")).body).toMatchObject({ secrets: [created], totalSize: 1 });
    const patched = await secrets(world, "patch", {
      query: { updateMask: "labels" },
      body: { labels: { team: "ops" }, annotations: { no: "mask" } },
    });
    expect(patched.body).toMatchObject({ labels: { team: "ops" } });
    expect(patched.body).not.toHaveProperty("annotations");
    expect((await secrets(world, "delete")).body).toEqual({});
    expect((await refusal(secrets(world, "get"))).faults).toMatchObject([{ code: "notFound", message: `Secret [${path}] not found.` }]);
  });

  it.each<[string, Parameters<typeof secrets>[1], Parameters<typeof secrets>[2], string]>([
    ["a second one of the same name", "insert", { query: { secretId: "api-key" }, body: {} }, "alreadyExists"],
    ["an illegal name", "insert", { query: { secretId: "a/b" }, body: {} }, "invalid"],
    ["no name", "insert", { body: {} }, "required"],
    ["an unknown field", "insert", { query: { secretId: "b" }, body: { nope: 1 } }, "invalid"],
    ["a body of a wrong type", "insert", { query: { secretId: "b" }, body: 7 }, "invalid"],
    ["a mask that is too deep", "patch", { query: { updateMask: `labels${".a".repeat(100)}` }, body: {} }, "invalid"],
    ["a stale etag", "patch", { body: { etag: '"0000"', labels: {} } }, "failedPrecondition"],
    ["another replication", "patch", { body: { replication: { userManaged: { replicas: [] } } } }, "invalid"],
    ["an unknown secret", "get", { name: "other" }, "notFound"],
    ["an unknown method", "frobnicate", {}, "methodNotAllowed"],
    ["the name of a prototype's method", "constructor", {}, "methodNotAllowed"],
  ])("refuse %s", async (...[, verb, rest, code]) => {
    const world = await worldWithSecret();
    expect((await refusal(secrets(world, verb, rest))).code).toBe(code);
  });
});

describe("secret versions", () => {
  it("are numbered, answered by number, alias and latest, with a checksum", async () => {
    const world = await worldWithSecret();
    const first = await add(world);
    expect(first.body).toMatchObject({ name: `${path}/versions/1`, state: "ENABLED" });
    await add(world, "second");
    await secrets(world, "patch", { body: { versionAliases: { prod: "1" } } });
    const payload = { data: btoa(plaintext), dataCrc32c: expect.stringMatching(/^\d+$/) };
    expect((await version(world, "accessVersion", 1)).body).toEqual({ name: `${path}/versions/1`, payload });
    expect((await version(world, "accessVersion", "prod")).body).toEqual({ name: `${path}/versions/1`, payload });
    expect((await version(world, "accessVersion", "latest")).body).toMatchObject({
      name: `${path}/versions/2`,
      payload: { data: btoa("second") },
    });
    expect((await version(world, "getVersion", "latest")).body).toMatchObject({ name: `${path}/versions/2` });
  });

  it("are listed newest first, page by page, filtered", async () => {
    const world = await worldWithSecret();
    for (const text of ["a", "b", "c"]) await add(world, text);
    await version(world, "disableVersion", 2);
    const page = async (query: Record<string, string>) =>
      (await secrets(world, "listVersions", { query })).body as { versions: { name: string }[]; nextPageToken?: string };
    const numbers = (list: { versions: { name: string }[] }) => list.versions.map((one) => one.name.split("/").at(-1));
    const first = await page({ pageSize: "2" });
    expect(numbers(first)).toEqual(["3", "2"]);
    expect(numbers(await page({ pageSize: "2", pageToken: first.nextPageToken ?? "" }))).toEqual(["1"]);
    expect(numbers(await page({ filter: "state:ENABLED" }))).toEqual(["3", "1"]);
  });

  it("are disabled, enabled and destroyed, in Google's words", async () => {
    const world = await worldWithSecret();
    await add(world);
    expect((await version(world, "disableVersion", 1)).body).toMatchObject({ state: "DISABLED" });
    expect((await refusal(version(world, "accessVersion", "latest"))).faults).toEqual([
      { code: "failedPrecondition", message: `Secret Version [${path}/versions/1] is in DISABLED state.` },
    ]);
    expect((await version(world, "enableVersion", 1)).body).toMatchObject({ state: "ENABLED" });
    expect((await version(world, "destroyVersion", 1)).body).toMatchObject({ state: "DESTROYED", destroyTime: "2026-11-22T00:00:00.000Z" });
    expect((await refusal(version(world, "accessVersion", 1))).message).toBe(`Secret Version [${path}/versions/1] is in DESTROYED state.`);
    expect((await refusal(version(world, "enableVersion", 1))).code).toBe("failedPrecondition");
    expect((await refusal(version(world, "accessVersion", 7))).message).toBe(`Secret Version [${path}/versions/7] not found.`);
  });

  it.each([
    ["no payload", {}, "required"],
    ["no base64", { payload: { data: "%%%" } }, "invalid"],
    ["a number for data", { payload: { data: 5 } }, "required"],
    ["more than 64 KiB", { payload: { data: btoa("x".repeat(65_537)) } }, "invalid"],
    ["a wrong checksum", { payload: { data: btoa(plaintext), dataCrc32c: "1" } }, "invalid"],
    ["text instead of an object", plaintext, "required"],
  ])("refuse %s, without quoting it", async (_name, body, code) => {
    const world = await worldWithSecret();
    const error = await refusal(secrets(world, "addVersion", { body }));
    expect(error.code).toBe(code);
    expect(JSON.stringify(error.faults)).not.toContain(plaintext);
    expect((await secrets(world, "listVersions")).body).toMatchObject({ versions: [] });
  });

  it("take exactly 64 KiB, and say that a checksum was right", async () => {
    const world = await worldWithSecret();
    expect((await add(world, "x".repeat(65_536))).status).toBe(200);
    const body = { payload: { data: btoa("123456789"), dataCrc32c: String(0xe3069283) } };
    expect((await secrets(world, "addVersion", { body })).body).toMatchObject({ clientSpecifiedPayloadChecksum: true });
  });

  it("cannot be added or read without a good master key, which is no fault of ours", async () => {
    for (const key of [null, "not base64 of 32 bytes"]) {
      const world = await worldWithSecret({ masterKey: key });
      expect((await refusal(add(world))).code).toBe("failedPrecondition");
    }
    const world = await worldWithSecret();
    await add(world);
    const rotated = new World({ before: world, masterKey: btoa("y".repeat(32)) });
    expect((await refusal(version(rotated, "accessVersion", 1))).faults).toMatchObject([
      {
        code: "failedPrecondition",
        message: `Secret Version [${path}/versions/1] cannot be opened: the secret was sealed with another master key.`,
      },
    ]);
  });

  it("get different numbers when they are added at the same time, and keep counting after a deletion", async () => {
    const world = await worldWithSecret();
    const added = await Promise.all(["a", "b", "c"].map((text) => add(world, text)));
    expect(added.map(({ body }) => body?.["name"])).toEqual([1, 2, 3].map((number) => `${path}/versions/${number}`));
    await secrets(world, "delete");
    await secrets(world, "insert", { query: { secretId: "api-key" }, body: {} });
    expect((await add(world)).body).toMatchObject({ name: `${path}/versions/4` });
  });
});

describe("secrets on the bus", () => {
  const key = (number: number) => `sec/demo/api-key/${number}`;

  async function shopWithSecret(): Promise<World> {
    const world = await worldWithSecret();
    await world.createShop();
    const rules = [
      {
        action: {
          destinations: [{ serviceName: "projects/demo/locations/global/backendServices/cart" }],
          requestHeaderModifier: { set: { "x-api-key": "Bearer {secret.api-key}" } },
        },
      },
    ];
    await world.createRoute("keyed", "keyed.shop.mesh", { rules });
    await world.pass(2_000);
    return world;
  }

  it("are sealed, there before the snapshot that names them, and replaced without a gap", async () => {
    const world = await shopWithSecret();
    expect(world.snapshot("keyed.shop.mesh")?.secrets).toEqual([{ name: "api-key", version: null }]);
    world.kv.writes.length = 0;
    await add(world);
    await world.pass(2_000);
    expect(world.snapshot("keyed.shop.mesh")?.secrets).toEqual([{ name: "api-key", version: 1 }]);
    expect(world.kv.writes.map((write) => write.key.split("/").slice(0, 3).join("/"))).toEqual([
      "sec/demo/api-key",
      "snap/demo/keyed.shop.mesh",
      "ptr/demo/keyed.shop.mesh",
    ]);
    await add(world, "second");
    await world.pass(2_000);
    expect(world.snapshot("keyed.shop.mesh")?.secrets).toEqual([{ name: "api-key", version: 2 }]);
    expect(world.kv.values.has(key(1))).toBe(true);
    const opened = await unseal(
      await importMasterKey(masterKey),
      { project: "demo", name: "api-key", version: 2 },
      world.kv.values.get(key(2)) ?? new Uint8Array(),
    );
    expect(new TextDecoder().decode(opened)).toBe("second");
  });

  it("hold back the snapshots that name them while KV refuses them, and no others", async () => {
    const world = await shopWithSecret();
    world.kv.failing = (written) => written.startsWith("sec/");
    await add(world);
    await world.run({ collection: "backendServices", verb: "patch", name: "cart", body: { timeoutSec: 11 } });
    await world.pass(5_000);
    expect(world.snapshot("keyed.shop.mesh")?.secrets).toEqual([{ name: "api-key", version: null }]);
    expect(world.snapshot("cart.shop.mesh")?.virtualHosts[0]?.rules[0]?.action).toMatchObject({ timeoutMs: 11_000 });
    world.kv.failing = () => false;
    await world.pass(31_000);
    expect(world.snapshot("keyed.shop.mesh")?.secrets).toEqual([{ name: "api-key", version: 1 }]);
  });

  it("go when they are disabled or destroyed, and the version before counts again", async () => {
    const world = await shopWithSecret();
    await add(world);
    await add(world, "second");
    await world.pass(2_000);
    await version(world, "disableVersion", 2);
    await world.pass(2_000);
    expect(world.snapshot("keyed.shop.mesh")?.secrets).toEqual([{ name: "api-key", version: 1 }]);
    expect(world.kv.values.has(key(2))).toBe(true);
    await world.pass(4_000);
    expect(world.kv.values.has(key(2))).toBe(false);
    await version(world, "enableVersion", 2);
    await world.pass(2_000);
    expect(world.kv.values.has(key(2))).toBe(true);
    await version(world, "destroyVersion", 2);
    await secrets(world, "delete");
    await world.pass(6_000);
    expect(world.snapshot("keyed.shop.mesh")?.secrets).toEqual([{ name: "api-key", version: null }]);
    expect([...world.kv.values.keys()].filter((name) => name.startsWith("sec/"))).toEqual([]);
  });

  it("show no plaintext anywhere but in access", async () => {
    const world = await shopWithSecret();
    const answers = [
      await add(world),
      await version(world, "getVersion", 1),
      await secrets(world, "listVersions"),
      await secrets(world, "get"),
    ];
    await version(world, "accessVersion", 1);
    await world.pass(2_000);
    const tables = [...world.database.sql.exec("SELECT name FROM sqlite_master WHERE type = 'table'")].map((row) => textOf(row, "name"));
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    const rows = tables.flatMap((table) => [...world.database.sql.exec(`SELECT * FROM ${table}`)].flatMap((row) => Object.values(row)));
    const texts = rows.map((value: unknown) => (ArrayBuffer.isView(value) ? decode(value as Uint8Array) : JSON.stringify(value)));
    const everything = [...texts, ...world.log, JSON.stringify(answers), ...[...world.kv.values.values()].map(decode)].join("\n");
    expect(texts.length).toBeGreaterThan(50);
    for (const form of [plaintext, btoa(plaintext)]) expect(everything).not.toContain(form);
    expect((await world.run({ collection: "wayside", scope: "", verb: "audit" })).body).toMatchObject({
      entries: [
        { verb: "accessVersion", key: "secrets/api-key/1", changed: [] },
        { verb: "addVersion", key: "secrets/api-key" },
        {},
        {},
        {},
        {},
        {},
        {},
        {},
        {},
      ],
    });
  });
});
