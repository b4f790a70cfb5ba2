/** Files against the real control API. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { applyManifests, type Outcome } from "#cli/apply/apply.ts";
import { manifestsOf } from "#cli/files/manifest.ts";
import { findAll } from "#cli/resources/find.ts";
import { resourcePath } from "#cli/resources/paths.ts";
import { kindNamed, kinds } from "#model/kinds.ts";
import { startControl, type ControlServer } from "../control-server.ts";

const shop = join(import.meta.dirname, "../../../examples/shop");
let control: ControlServer;
let folder: string;

beforeEach(async () => {
  control = await startControl();
  folder = mkdtempSync(join(tmpdir(), "wayside-apply-"));
});
afterEach(async () => {
  await control.close();
  rmSync(folder, { recursive: true });
});

function file(text: string, name = "f.yaml"): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

async function apply(files: readonly string[], dryRun = false): Promise<Outcome[]> {
  return applyManifests({ client: control.client, project: "demo", dryRun }, await manifestsOf(files));
}

/** `created urlMap a` */
const told = (outcomes: readonly Outcome[]): string[] =>
  outcomes.map(({ action, kind, name }) => `${action} ${kind.split("#")[1]} ${name}`);

async function applyText(text: string): Promise<string[]> {
  return told(await apply([file(text)]));
}

async function failure(text: string): Promise<string> {
  const path = file(text);
  const error: unknown = await apply([path]).then(
    () => new Error("it was applied"),
    (thrown: unknown) => thrown,
  );
  return error instanceof Error ? error.message.replaceAll(path, "f.yaml") : String(error);
}

const healthCheck = (name: string, port: number): string =>
  `kind: compute#healthCheck\nname: ${name}\ntype: TCP\ntcpHealthCheck: {port: ${port}}\n`;
const backend = (name: string, more = ""): string =>
  `kind: compute#backendService\nname: ${name}\nprotocol: HTTP\nloadBalancingScheme: INTERNAL_SELF_MANAGED\nhealthChecks: [hc]\n${more}`;
const template = (name: string, script: string): string =>
  `kind: compute#instanceTemplate\nname: ${name}\nproperties:\n  metadata:\n    items: [{key: startup-script, value: "${script}"}]\n`;
const manager = (more: string): string =>
  `kind: compute#instanceGroupManager\nname: g\nzone: us-central1-a\ntargetSize: 2\ninstanceTemplate: global/instanceTemplates/t\n${more}`;
const autoscaler = (max: number): string =>
  `kind: compute#autoscaler\nname: g\nzone: us-central1-a\ntarget: g\nautoscalingPolicy: {maxNumReplicas: ${max}, cpuUtilization: {utilizationTarget: 0.5}}\n`;
const documents = (...texts: string[]): string => texts.join("---\n");

describe("the example", () => {
  it("is created, and is unchanged from then on", async () => {
    const first = await apply([shop]);
    expect(new Set(first.map(({ action }) => action))).toEqual(new Set(["created"]));
    expect(first.length).toBeGreaterThan(20);
    control.changes.length = 0;
    const second = await apply([shop]);
    expect(new Set(second.map(({ action }) => action))).toEqual(new Set(["unchanged"]));
    expect(control.changes).toEqual([]);
  });

  it("is unchanged as the API gives it back, in YAML and in JSON", async () => {
    await apply([shop]);
    const search = { client: control.client, project: "demo" };
    const stored = (await Promise.all(kinds.map((kind) => findAll(search, kind)))).flat();
    const withKind = stored.map(({ key, resource }) => ({
      kind: kinds.find(({ collection }) => key.split("/").at(-2) === collection)?.kind ?? "",
      ...resource,
    }));
    const yaml = file(withKind.map((one) => stringify(one)).join("---\n"));
    const json = file(JSON.stringify(withKind), "f.json");
    control.changes.length = 0;
    for (const path of [yaml, json]) {
      const outcomes = await apply([path]);
      // The groups of the four managers are the managers' affair.
      expect(outcomes.length).toBe(stored.length - 4);
      expect(told(outcomes).filter((line) => !line.startsWith("unchanged"))).toEqual([]);
    }
    expect(control.changes).toEqual([]);
  });

  it("is only looked at in a dry run", async () => {
    const outcomes = await apply([shop], true);
    expect(new Set(outcomes.map(({ action }) => action))).toEqual(new Set(["created"]));
    expect(control.changes).toEqual([]);
  });
});

describe("a resource becomes what the file says", () => {
  const cases: readonly [what: string, before: string, after: string, expected: string][] = [
    ["by PUT", healthCheck("hc", 80), healthCheck("hc", 81), "updated healthCheck hc"],
    [
      "a field taken out",
      documents(healthCheck("hc", 80), backend("b", "timeoutSec: 9\ndescription: d\n")),
      backend("b"),
      "updated backendService b",
    ],
    [
      "by merge patch",
      documents(template("t", "true"), manager("namedPorts: [{name: http, port: 80}]\n")),
      manager("description: d\n"),
      "updated instanceGroupManager g",
    ],
    [
      "under /v1",
      "kind: networkservices#mesh\nname: m\ndescription: a\nlabels: {a: b}\n",
      "kind: networkservices#mesh\nname: m\nlabels: {a: c}\n",
      "updated mesh m",
    ],
    [
      "a secret",
      "kind: secretmanager#secret\nname: s\nlabels: {a: b}\n",
      "kind: secretmanager#secret\nname: s\nannotations: {c: d}\n",
      "updated secret s",
    ],
    [
      "our own",
      "kind: wayside#meshSettings\nname: m\ntracing: {samplingRatio: 0.5}\n",
      "kind: wayside#meshSettings\nname: m\n",
      "updated meshSettings m",
    ],
    [
      "named ports of a group",
      "kind: compute#instanceGroup\nname: u\nzone: us-central1-a\n",
      "kind: compute#instanceGroup\nname: u\nzone: us-central1-a\nnamedPorts: [{name: http, port: 80}]\n",
      "updated instanceGroup u",
    ],
  ];
  it.each(cases)("%s", async (_what, before, after, expected) => {
    await applyText(before);
    expect(await applyText(after)).toEqual([expected]);
    expect(await applyText(after)).toEqual([expected.replace("updated", "unchanged")]);
  });

  it("and what is no longer in the file is gone", async () => {
    await applyText(
      documents(template("t", "true"), manager("namedPorts: [{name: http, port: 80}]\nupdatePolicy: {maxSurge: {fixed: 3}}\n")),
    );
    await applyText(manager(""));
    const kind = kindNamed("compute#instanceGroupManager");
    const stored = kind && (await control.client.find(resourcePath(kind, "demo", "zones/us-central1-a/instanceGroupManagers/g")));
    expect(stored?.["namedPorts"]).toBeUndefined();
    expect(stored?.["updatePolicy"]).not.toHaveProperty("maxSurge.fixed");
  });

  it("and nothing happens where only the spelling differs", async () => {
    await applyText(documents(healthCheck("hc", 80), backend("b")));
    const spelled = backend("b").replace("[hc]", "['https://www.googleapis.com/compute/v1/projects/demo/global/healthChecks/hc']");
    expect(await applyText(spelled)).toEqual(["unchanged backendService b"]);
  });
});

describe("a generated secret", () => {
  const secret = (bytes: string): string => `kind: secretmanager#secret\nname: s\nannotations:\n  wayside.dev/generate: "${bytes}"\n`;
  const versions = async (): Promise<unknown[]> => control.client.list("/v1/projects/demo/secrets/s/versions", "versions");

  it("gets one version, which the next apply leaves alone", async () => {
    expect(await applyText(secret("32"))).toEqual(["created secret s"]);
    expect(await applyText(secret("32"))).toEqual(["unchanged secret s"]);
    expect(await versions()).toHaveLength(1);
    const { payload } = await control.client.call("GET", "/v1/projects/demo/secrets/s/versions/latest:access");
    const { data } = payload as { data: string };
    expect(Buffer.from(data, "base64").toString()).toMatch(/^[\w-]{43}$/);
  });

  it("gets it later when the secret was there without one", async () => {
    await applyText("kind: secretmanager#secret\nname: s\n");
    expect(await applyText(secret("16"))).toEqual(["updated secret s"]);
    expect(await versions()).toHaveLength(1);
  });

  it("is refused when its size makes no sense", async () => {
    expect(await failure(secret("4"))).toBe("f.yaml:4:25: wayside.dev/generate is a number of bytes from 16 to 1024, as text");
    expect(control.changes).toEqual([]);
  });
});

describe("nothing is changed", () => {
  it("while a document of any file is wrong", async () => {
    const message = await failure(documents(healthCheck("hc", 80), healthCheck("bad", 99_999), "kind: nope\nname: x\n"));
    expect(message).toMatch(/^f.yaml:9:24: .*tcpHealthCheck.port.*\nf.yaml:11:7: unknown kind "nope"/);
    expect(control.changes).toEqual([]);
  });

  it("while a zone is none", async () => {
    expect(await failure("kind: compute#instanceGroup\nname: u\nzone: nowhere\n")).toMatch(/^f\.yaml:3:7: .*Unknown zone/);
    expect(control.changes).toEqual([]);
  });

  it("while something cannot be changed in the API", async () => {
    await applyText(template("t", "true"));
    control.changes.length = 0;
    const message = await failure(documents(healthCheck("hc", 80), template("t", "false")));
    expect(message).toBe(
      "f.yaml:8:1: instanceTemplate t exists and differs in properties, and the API cannot change it: " +
        "give the new one another name, and name it in the group's instanceTemplate",
    );
    expect(control.changes).toEqual([]);
  });
});

describe("what the API refuses", () => {
  it("is told at its place, for all documents of the kind, and stops what comes after", async () => {
    const missing = backend("b").replace("[hc]", "[nowhere]");
    const map = "kind: compute#urlMap\nname: m\ndefaultService: global/backendServices/b\n";
    const message = await failure(documents(healthCheck("hc", 80), missing, missing.replace("name: b", "name: c"), map));
    const places = message.split("\n").map((line) => line.split(": ")[0]);
    expect(places).toEqual(["f.yaml:10:16", "f.yaml:16:16"]);
    expect(message).toContain("nowhere");
    expect(control.changes.map((change) => change.split("/").at(-1))).toEqual(["healthChecks", "backendServices", "backendServices"]);
  });

  it("as a URL map whose own test fails", async () => {
    const map =
      "kind: compute#urlMap\nname: m\ndefaultService: global/backendServices/b\ntests:\n  - host: a.test\n    path: /\n    service: global/backendServices/c\n";
    const message = await failure(documents(healthCheck("hc", 80), backend("b"), backend("c"), map));
    expect(message).toMatch(/^f\.yaml:\d+:\d+: /);
    expect(await control.client.find("/compute/v1/projects/demo/global/urlMaps/m")).toBeUndefined();
  });

  it("is no answer at all when there is no API", async () => {
    const path = file(healthCheck("hc", 80));
    await control.close();
    await expect(apply([path])).rejects.toThrow(/is `wayside dev` running\?/);
    control = await startControl();
  });
});

describe("an autoscaler", () => {
  const group = documents(template("t", "true"), manager(""));

  it("is created, unchanged, and changed through its collection", async () => {
    expect(await applyText(documents(autoscaler(4), group))).toEqual([
      "created instanceTemplate t",
      "created instanceGroupManager g",
      "created autoscaler g",
    ]);
    expect(await applyText(autoscaler(4))).toEqual(["unchanged autoscaler g"]);
    control.changes.length = 0;
    expect(await applyText(autoscaler(5))).toEqual(["updated autoscaler g"]);
    expect(control.changes).toEqual(["PUT /compute/v1/projects/demo/zones/us-central1-a/autoscalers?autoscaler=g"]);
    expect(await applyText(autoscaler(5))).toEqual(["unchanged autoscaler g"]);
  });

  it("keeps the size of its group from what the file says", async () => {
    await applyText(documents(group, autoscaler(4)));
    const path = "/compute/v1/projects/demo/zones/us-central1-a/instanceGroupManagers/g";
    await control.client.call("POST", `${path}/resize?size=3`);
    expect(await applyText(group)).toEqual(["unchanged instanceTemplate t", "unchanged instanceGroupManager g"]);
    expect(await applyText(documents(template("t", "true"), manager("namedPorts: [{name: http, port: 81}]\n")))).toContain(
      "updated instanceGroupManager g",
    );
    expect(await control.client.call("GET", path)).toMatchObject({ targetSize: 3, namedPorts: [{ port: 81 }] });
  });
});
