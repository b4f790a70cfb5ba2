/** The commands from outside, against the real control API: what they print, and how they end. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { type Ended, wayside } from "./command.ts";
import { startControl, type ControlServer } from "./control-server.ts";

// Each command is a process of its own.
vi.setConfig({ testTimeout: 30_000 });

let control: ControlServer;
let folder: string;

const run = (args: string, options: Parameters<typeof wayside>[1] = {}): Promise<Ended> =>
  wayside(args.split(" "), { ...options, env: { WAYSIDE_API: control.api, ...options.env } });

beforeAll(async () => {
  control = await startControl();
  folder = mkdtempSync(join(tmpdir(), "wayside-commands-"));
  const applied = await run("apply -f examples/shop");
  expect(applied.stderr).toBe("");
  expect(applied.stdout).toContain("created    urlMap catalog\n");
});
afterAll(async () => {
  await control.close();
  rmSync(folder, { recursive: true });
});

describe("exit status", () => {
  it.each([
    [0, "--help", /^Usage: wayside/, /^$/],
    [0, "--version", /^\d+\.\d+\.\d+\n$/, /^$/],
    [0, "vm register --help", /--address/, /^$/],
    [0, "status", /catalog\.shop\.mesh/, /^$/],
    [0, "apply -f examples/tour/half-canary.yaml --dry-run", /^would be updated +urlMap catalog\n$/, /^$/],
    [1, "apply -f examples/tour/broken.yaml", /^$/, /^examples\/tour\/broken\.yaml:17:19: .*\nexamples\/tour\/broken\.yaml:19:25: /],
    [1, "apply -f no/such/file.yaml", /^$/, /no such file/],
    [1, "get url-map nope", /^$/, /there is no urlMap 'nope'; there are: catalog/],
    [1, "delete backend-service cart", /^$/, /already being used by/],
    [1, "secret add nope", /^$/, /empty/],
    [1, "dev examples/tour/broken.yaml", /^$/, /broken\.yaml:17:19/],
    [2, "", /^$/, /Usage: wayside/],
    [2, "nonsense", /^$/, /unknown command 'nonsense'/],
    [2, "get", /^$/, /missing required argument 'kind'/],
    [2, "get nonsense", /^$/, /there is no kind 'nonsense'/],
    [2, "apply", /^$/, /-f FILE/],
    [2, "delete", /^$/, /KIND NAME, or -f FILE/],
    [2, "delete url-map x -f y", /^$/, /either KIND NAME or -f FILE/],
    [2, "explain GET http://a.test/ -H nonsense", /^$/, /name=value/],
    [2, "status -o xml", /^$/, /xml/],
    [2, "status --api nonsense", /^$/, /origin/],
    [2, "dev --port 70000", /^$/, /0 to 65535/],
    [2, "vm register --group g --address 1.2.3.4", /^$/, /--port/],
  ])("%i: wayside %s", async (status, args, stdout, stderr) => {
    const ended = await wayside(args === "" ? [] : args.split(" "), { env: { WAYSIDE_API: control.api } });
    expect(ended.stderr).toMatch(stderr);
    expect(ended.stdout).toMatch(stdout);
    expect(ended.status).toBe(status);
  });

  it("1, with the mend, when there is no API", async () => {
    const ended = await run("status --api http://127.0.0.1:1");
    expect(ended).toMatchObject({ status: 1, stdout: "" });
    expect(ended.stderr).toContain("is `wayside dev` running?");
  });
});

describe("get", () => {
  it("prints tables whose columns line up", async () => {
    const { stdout } = await run("get backend-services");
    const [head = "", ...rows] = stdout.trimEnd().split("\n");
    expect(rows.map((row) => row.split(/\s+/)[0])).toEqual(["cart", "catalog-v1", "catalog-v2", "payments", "storefront"]);
    const column = head.indexOf("PROTOCOL");
    expect(rows.map((row) => row.slice(column, column + 4))).toEqual(rows.map(() => "HTTP"));
    expect(stdout).not.toContain("\u001b");
  });

  it("prints JSON and YAML that say the same, of all and of one", async () => {
    for (const name of ["", " cart"]) {
      const json = await run(`get httpRoutes${name} -o json`);
      const yaml = await run(`get http-route${name} -o yaml`);
      expect(JSON.parse(json.stdout)).toEqual(parse(yaml.stdout));
    }
    expect(JSON.parse((await run("get httpRoutes -o json")).stdout)).toHaveLength(3);
  });

  it("groups are those of either sort", async () => {
    const { stdout } = await run("get groups -o json");
    expect((JSON.parse(stdout) as { name: string }[]).map(({ name }) => name)).toEqual([
      "cart",
      "catalog-v1",
      "catalog-v2",
      "payments",
      "storefront",
    ]);
    const table = await run("get group");
    expect(table.stdout).toMatch(/^cart +managed +us-central1-a +0 of 2 /m);
    expect(table.stdout).toMatch(/^payments +unmanaged +us-central1-b +0 /m);
  });

  it("says so when there is nothing", async () => {
    expect(await run("get negs")).toMatchObject({ status: 0, stdout: "none\n" });
    expect(await run("get negs -o json")).toMatchObject({ status: 0, stdout: "[]\n" });
  });
});

describe("explain", () => {
  it("tells people the rule, and why the others are not it", async () => {
    const { stdout, status } = await run("explain GET catalog.shop.mesh/products -H x-catalog-version=v2");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^GET http:\/\/catalog\.shop\.mesh\/products\n/);
    expect(stdout).toMatch(/rule +urlMaps\/catalog, path matcher catalog, priority 10\n/);
    expect(stdout).toMatch(/→ catalog-v2\n/);
    const split = await run("explain GET http://catalog.shop.mesh/products");
    expect(split.stdout).toMatch(/├─ → catalog-v1 \(90 %\)\n.*├─ → catalog-v2 \(10 %\)\n/s);
    expect(split.stdout).toMatch(/· .*priority 10: header x-catalog-version is missing/);
  });

  it.each([
    ["a redirect", "http://catalog.shop.mesh/list", /redirect +308 http:\/\/catalog\.shop\.mesh\/products/],
    ["a direct response", "http://payments.shop.mesh/status", /response +200 "payments are open\\n"/],
    ["headers, without secrets", "http://payments.shop.mesh/", /set x-payments-token: \{secret\.payments-token\}/],
  ])("shows %s", async (_what, url, expected) => {
    expect((await run(`explain GET ${url}`)).stdout).toMatch(expected);
  });

  it("takes headers in both forms, and gives programs the API's answer as it is", async () => {
    const args = ["explain", "GET", "http://catalog.shop.mesh/products", "-o", "json", "-H", "x-catalog-version: v2"];
    const { stdout } = await wayside(args, { env: { WAYSIDE_API: control.api } });
    const request = { method: "GET", url: "http://catalog.shop.mesh/products", headers: [{ name: "x-catalog-version", value: "v2" }] };
    expect(JSON.parse(stdout)).toEqual(await control.client.call("POST", "/wayside/v1/projects/demo/explain", request));
  });
});

describe("explain --file", () => {
  const shop = "examples/shop";

  it("says what the API says, without a mesh, except what only a mesh can know", async () => {
    const headers = "-H x-catalog-version=v2";
    const offline = await run(`explain GET http://catalog.shop.mesh/products ${headers} -o json -f ${shop}`, {
      env: { WAYSIDE_API: "http://127.0.0.1:1" },
    });
    const online = await run(`explain GET http://catalog.shop.mesh/products ${headers} -o json`);
    const { destinations, ...rest } = JSON.parse(online.stdout) as { destinations: { endpoints: unknown }[] };
    const unknown = destinations.map(({ endpoints: _endpoints, ...destination }) => destination);
    expect(JSON.parse(offline.stdout)).toEqual({ ...rest, destinations: unknown });
    expect(offline.status).toBe(0);
  });

  it.each([
    ["a host that no service takes", `GET http://a.test/ -f ${join(shop, "mesh.yaml")}`, 1, /no service takes the host 'a\.test'/],
    ["no URL", `GET ftp://a/ -f ${shop}`, 1, /is no http or https URL/],
    ["no request", `-f ${shop}`, 2, /a method and a URL/],
    ["an id besides", `GET http://a/ --id x`, 2, /takes no method/],
    ["files that there are not", `GET http://a/ -f /nowhere.yaml`, 1, /cannot read/],
  ])("%s", async (_what, words, status, expected) => {
    const done = await run(`explain ${words}`);
    expect(done.status).toBe(status);
    expect(done.stdout + done.stderr).toMatch(expected);
  });
});

describe("secret", () => {
  it("takes values from standard input and files, and never shows them", async () => {
    const file = join(folder, "value");
    writeFileSync(file, "from-a-file");
    expect(await run(`secret create fresh --from-file ${file}`)).toMatchObject({
      status: 0,
      stdout: "created secret fresh with version 1\n",
    });
    expect(await run("secret add fresh", { input: "typed" })).toMatchObject({
      status: 0,
      stdout: "added version 2 of secret fresh\n",
      stderr: "",
    });
    const noted = await run("secret add fresh", { input: "line\n" });
    expect(noted).toMatchObject({ status: 0, stdout: "added version 3 of secret fresh\n" });
    expect(noted.stderr).toContain("ends with a line break");
    const values = await Promise.all(
      [1, 2, 3].map((version) => control.client.call("GET", `/v1/projects/demo/secrets/fresh/versions/${version}:access`)),
    );
    const plain = values.map(({ payload }) => Buffer.from((payload as { data: string }).data, "base64").toString());
    expect(plain).toEqual(["from-a-file", "typed", "line\n"]);

    const shown = await Promise.all(
      ["secret list", "secret list fresh", "get secrets -o json", "describe secret fresh"].map((args) => run(args)),
    );
    const text = shown.map(({ stdout, stderr }) => stdout + stderr).join("");
    expect(text).toMatch(/^fresh +3 +ENABLED/m);
    for (const value of ["from-a-file", "typed"]) for (const form of [value, btoa(value)]) expect(text).not.toContain(form);
  });

  it("refuses an empty value and an unknown secret", async () => {
    expect(await run("secret add payments-token")).toMatchObject({ status: 1, stdout: "" });
    const unknown = await run("secret add nope", { input: "x" });
    expect(unknown).toMatchObject({ status: 1, stdout: "" });
    expect(unknown.stderr).toContain("not found");
  });
});

describe("vm", () => {
  it("registers a member of a group, again to change its address, and lists it", async () => {
    const member = "--group payments --name by-hand --port 9401";
    expect(await run(`vm register ${member} --address 127.0.0.1`)).toMatchObject({
      status: 0,
      stdout: "registered by-hand at 127.0.0.1:9401 in group payments\n",
    });
    expect(await run(`vm register ${member} --address 127.0.0.2 -o json`)).toMatchObject({ status: 0 });
    const { stdout } = await run("vm list");
    expect(stdout).toMatch(/^by-hand +payments +us-central1-b +127\.0\.0\.2:9401 /m);
    expect((await run("describe group payments")).stdout).toMatch(/\nInstances\nNAME[^\n]*\nby-hand /);
  });

  it("says what is wrong with the group", async () => {
    expect(await run("vm register --group nope --address 127.0.0.1 --port 1")).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("not found"),
    });
    expect(await run("vm register --group cart --address 127.0.0.1 --port 1")).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("unmanaged"),
    });
  });
});

describe("delete", () => {
  it("takes all that files name, users first, and is content when it is gone already", async () => {
    const project = { env: { WAYSIDE_PROJECT: "demo" } };
    const files = ["-f", "examples/shop/services/catalog.yaml"].join(" ");
    expect((await run(`delete ${files}`, project)).stdout).toBe(
      "deleted    forwardingRule catalog\ndeleted    targetHttpProxy catalog\ndeleted    urlMap catalog\n",
    );
    expect((await run(`delete ${files}`, project)).stdout).toMatch(/^(absent .*\n){3}$/);
    // With the URL map went the service that takes all other hosts.
    const explained = await run("explain GET http://other.test/");
    expect(explained).toMatchObject({ status: 1, stderr: "" });
    expect(explained.stdout).toMatch(/rule +none\n.*action +none\n└─ why\n.*no service takes the host 'other\.test'/s);
  });

  it("takes one by name, a group of either sort", async () => {
    await run("delete http-route storefront");
    await run("delete backend-service storefront");
    expect(await run("delete group storefront")).toMatchObject({ status: 0, stdout: "deleted    instanceGroupManager storefront\n" });
  });
});

it("reads standard input", async () => {
  const input = "kind: networkservices#mesh\nname: typed\n";
  expect(await run("apply -f -", { input })).toMatchObject({ status: 0, stdout: "created    mesh typed\n" });
  expect(await run("apply -f - -o json", { input })).toMatchObject({ status: 0 });
  expect((await run("apply -f -", { input: "nope: 1\n" })).stderr).toMatch(/^-:1:1: /);
  expect(await run("delete -f -", { input })).toMatchObject({ status: 0, stdout: "deleted    mesh typed\n" });
});
