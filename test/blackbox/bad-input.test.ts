/** What nobody should send to the control API: refused as the sender's fault, with nothing changed and nothing brought down. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compute, services, zone } from "./harness/resources.ts";
import { call, must, type Answer } from "./harness/rest.ts";
import { exchange } from "./harness/socket.ts";
import { startMesh, wayside, type Mesh } from "./harness/wayside.ts";

const project = "demo";
const global = `${compute(project)}/global`;
const zonal = `${compute(project)}/zones/${zone}`;
const locations = services(project);
const own = `/wayside/v1/projects/${project}`;
const secrets = `/v1/projects/${project}/secrets`;
const backendService = `projects/${project}/locations/global/backendServices/web`;
const manager = { name: "vms2", instanceTemplate: "global/instanceTemplates/vm" };
const check = { type: "TCP", tcpHealthCheck: { port: 80 } };
const route = { hostnames: ["bad.test"], meshes: [`projects/${project}/locations/global/meshes/mesh`] };
const large = 1024 * 1024;

let mesh: Mesh;

/** Everything a client can list, as one text. */
async function everything(): Promise<string> {
  const paths = [
    ...["healthChecks", "backendServices", "urlMaps", "instanceTemplates", "networkEndpointGroups"].map((name) => `${global}/${name}`),
    ...["instanceGroups", "instanceGroupManagers", "networkEndpointGroups", "instances"].map((name) => `${zonal}/${name}`),
    ...["meshes", "httpRoutes"].map((name) => `${locations}/${name}`),
    `${own}/instances`,
    secrets,
  ];
  const answers = await Promise.all(paths.map((path) => must(mesh.api, "GET", path)));
  return JSON.stringify(answers, null, 1);
}

/** A body as it stands, not as JSON of it. */
async function send(method: string, path: string, body?: string | Uint8Array<ArrayBuffer>): Promise<Answer> {
  const response = await fetch(new URL(path, mesh.api), { method, ...(body === undefined ? {} : { body }) });
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
}

/** The same in both of Google's forms of an error. */
function expectRefusal(answer: Answer, status: number): void {
  expect([answer.status, answer.body?.error?.message]).toEqual([status, expect.stringMatching(/./)]);
  expect(answer.body.error.code).toBe(status);
  expect(JSON.stringify(answer.body).length, "an answer that can be read").toBeLessThan(1_000_000);
}

beforeAll(async () => {
  mesh = await startMesh();
  const { api } = mesh;
  await must(api, "POST", `${global}/healthChecks`, { name: "check", ...check });
  await must(api, "POST", `${global}/instanceTemplates`, { name: "vm", properties: { machineType: "e2-small" } });
  await must(api, "POST", `${zonal}/instanceGroupManagers`, { ...manager, name: "vms", targetSize: 0 });
  await must(api, "POST", `${zonal}/instanceGroups`, { name: "pets" });
  await must(api, "POST", `${zonal}/networkEndpointGroups`, {
    name: "addresses",
    networkEndpointType: "NON_GCP_PRIVATE_IP_PORT",
    defaultPort: 80,
  });
  await must(api, "POST", `${global}/networkEndpointGroups`, { name: "names", networkEndpointType: "INTERNET_FQDN_PORT", defaultPort: 80 });
  await must(api, "POST", `${global}/backendServices`, {
    name: "web",
    loadBalancingScheme: "INTERNAL_SELF_MANAGED",
    protocol: "HTTP",
    healthChecks: ["global/healthChecks/check"],
  });
  await must(api, "POST", `${global}/urlMaps`, { name: "map", defaultService: "global/backendServices/web" });
  await must(api, "POST", `${locations}/meshes?meshId=mesh`, {});
  await must(api, "POST", `${secrets}?secretId=token`, { replication: { automatic: {} } });
});
afterAll(async () => {
  expect(mesh.output()).not.toContain("internal error");
  expect(await mesh.stop()).toBe(0);
});

describe("what changes nothing", () => {
  let before: string;
  beforeAll(async () => {
    before = await everything();
  });
  afterAll(async () => {
    expect(await everything()).toBe(before);
    expect(mesh.process.exitCode).toBeNull();
  });

  const maps = `${global}/urlMaps`;
  it.each<[string, string, string, string | Uint8Array<ArrayBuffer> | undefined, number]>([
    ["a body of more than 1 MiB", "POST", maps, "x".repeat(large + 1), 413],
    ["10,000 levels of nesting", "POST", maps, "[".repeat(10_000), 400],
    ["65 levels of nesting", "PATCH", `${maps}/map`, `${'{"a":'.repeat(65)}1${"}".repeat(65)}`, 400],
    ["truncated JSON", "POST", maps, '{"name":"x', 400],
    ["no JSON", "POST", maps, "name: x", 400],
    ["no body", "POST", maps, undefined, 400],
    ["null", "PATCH", `${maps}/map`, "null", 400],
    ["a list", "POST", maps, "[]", 400],
    ["a number", "POST", `${secrets}?secretId=x`, "7", 400],
    ["invalid UTF-8", "POST", maps, new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]), 400],
    ["a key that stands twice", "POST", maps, '{"name":"x","name":"y","defaultService":"global/backendServices/web"}', 400],
    ["a field in both spellings", "POST", maps, '{"name":"x","defaultService":"global/backendServices/web","default_service":"y"}', 400],
    ["__proto__", "PATCH", `${maps}/map`, '{"__proto__":{"description":"polluted"}}', 400],
    ["an escaped __proto__", "PATCH", `${maps}/map`, '{"\\u005f_proto__":{"description":"polluted"}}', 400],
    ["constructor.prototype", "PATCH", `${maps}/map`, '{"constructor":{"prototype":{"description":"polluted"}}}', 400],
    ["200,001 empty messages", "POST", `${global}/backendServices`, `{"name":"x","backends":[${"{},".repeat(200_000)}{}]}`, 400],
    ["90,000 unknown names", "POST", maps, `{${Array.from({ length: 90_000 }, (_, index) => `"k${index}":1`).join(",")}}`, 400],
    ["a number beyond all numbers", "POST", `${global}/healthChecks`, '{"name":"x","type":"TCP","tcpHealthCheck":{"port":1e400}}', 400],
  ])("%s", async (...[, method, path, body, status]) => expectRefusal(await send(method, path, body), status));

  it.each<[string, string, string, unknown, number]>([
    ["a name of a wrong type", "POST", `${global}/healthChecks`, { ...check, name: 7 }, 400],
    ["a name of 64 letters", "POST", `${global}/healthChecks`, { ...check, name: "a".repeat(64) }, 400],
    ["a name of a megabyte", "POST", `${global}/healthChecks`, { ...check, name: "a".repeat(large - 1000) }, 400],
    ["a name with NUL", "POST", `${global}/healthChecks`, { ...check, name: "a\0" }, 400],
    ["a name with a line break", "POST", `${global}/healthChecks`, { ...check, name: "a\n" }, 400],
    ["a name that is a path", "POST", `${global}/healthChecks`, { ...check, name: "../../x" }, 400],
    ["a name that exists", "POST", `${global}/healthChecks`, { ...check, name: "check" }, 409],
    ["an unknown field", "POST", `${global}/healthChecks`, { ...check, name: "x", porrt: 1 }, 400],
    ["an unknown reference", "POST", maps, { name: "x", defaultService: "global/backendServices/none" }, 404],
    ["a reference to another kind", "POST", maps, { name: "x", defaultService: "global/healthChecks/check" }, 400],
    ["a reference that is none", "POST", maps, { name: "x", defaultService: "https://evil.test/ /" }, 400],
    ["a stale fingerprint", "PATCH", `${maps}/map`, { fingerprint: "AAAAAAAAAAA=", description: "x" }, 412],
    ["another name", "PATCH", `${maps}/map`, { name: "other" }, 400],
    ["a resource that is not there", "PATCH", `${maps}/none`, {}, 404],
    ["to delete what is in use", "DELETE", `${global}/backendServices/web`, undefined, 400],
    ["to delete a health check in use", "DELETE", `${global}/healthChecks/check`, undefined, 400],
    ["to delete a template in use", "DELETE", `${global}/instanceTemplates/vm`, undefined, 400],
    ["two billion VMs", "POST", `${zonal}/instanceGroupManagers`, { ...manager, targetSize: 2_147_483_647 }, 400],
    ["to resize to two billion", "POST", `${zonal}/instanceGroupManagers/vms/resize?size=2147483647`, undefined, 400],
    ["to resize to more than an integer", "POST", `${zonal}/instanceGroupManagers/vms/resize?size=${"9".repeat(400)}`, undefined, 400],
    ["to resize below zero", "POST", `${zonal}/instanceGroupManagers/vms/resize?size=-1`, undefined, 400],
    ["members that are not there", "POST", `${zonal}/instanceGroups/pets/addInstances`, { instances: [{ instance: "none" }] }, 404],
    ["members of a wrong type", "POST", `${zonal}/instanceGroups/pets/addInstances`, { instances: [7] }, 400],
    [
      "20,000 endpoints at once",
      "POST",
      `${zonal}/networkEndpointGroups/addresses/attachNetworkEndpoints`,
      { networkEndpoints: Array.from({ length: 20_000 }, (_, index) => ({ ipAddress: `10.0.${index >> 8}.${index & 255}` })) },
      400,
    ],
    ["a VM for a managed group", "POST", `${own}/instances`, { group: "vms", zone, address: "127.0.0.1" }, 400],
    ["a VM without anything", "POST", `${own}/instances`, {}, 400],
    ["a filter that never ends", "GET", `${maps}?filter=${"-".repeat(9_000)}`, undefined, 400],
    ["a filter of parentheses", "GET", `${maps}?filter=${"(".repeat(9_000)}`, undefined, 400],
    ["a mask that never ends", "PATCH", `${locations}/meshes/mesh?updateMask=labels${".a".repeat(20_000)}`, { labels: {} }, 400],
    ["a mask of no field", "PATCH", `${locations}/meshes/mesh?updateMask=constructor`, {}, 400],
    ["a mask that never ends, of a secret", "PATCH", `${secrets}/token?updateMask=labels${".a".repeat(20_000)}`, {}, 400],
    ["a page token of somebody else's", "GET", `${maps}?pageToken=${btoa("[".repeat(5_000))}`, undefined, 400],
    ["a route's id that is none", "POST", `${locations}/httpRoutes?httpRouteId=-`, { ...route, rules: [] }, 400],
    [
      "host names that are none",
      "POST",
      `${locations}/httpRoutes?httpRouteId=r`,
      { ...route, hostnames: ["a b", "a..b", "[::1]", "a\0"], rules: [] },
      400,
    ],
    [
      "a header that would be two",
      "POST",
      `${locations}/httpRoutes?httpRouteId=r`,
      {
        ...route,
        rules: [{ action: { destinations: [{ serviceName: backendService }], requestHeaderModifier: { set: { "x-a": "b\r\nx-c: d" } } } }],
      },
      400,
    ],
    [
      "an expression that would backtrack",
      "POST",
      `${locations}/httpRoutes?httpRouteId=r`,
      { ...route, rules: [{ matches: [{ regexMatch: "(?=(a+)+)" }], action: { destinations: [{ serviceName: backendService }] } }] },
      400,
    ],
    [
      "an expression of a million states",
      "POST",
      `${locations}/httpRoutes?httpRouteId=r`,
      {
        ...route,
        rules: [{ matches: [{ regexMatch: "((a{100}){100}){100}" }], action: { destinations: [{ serviceName: backendService }] } }],
      },
      400,
    ],
    ["to explain nothing", "POST", `${own}/explain`, {}, 400],
    ["to explain a file", "POST", `${own}/explain`, { method: "GET", url: "file:///etc/passwd" }, 400],
    [
      "to explain two headers in one",
      "POST",
      `${own}/explain`,
      { method: "GET", url: "http://a/", headers: [{ name: "a", value: "b\r\nc" }] },
      400,
    ],
    ["a secret that is no base64", "POST", `${secrets}/token:addVersion`, { payload: { data: "!" } }, 400],
    ["a secret of 150 KB", "POST", `${secrets}/token:addVersion`, { payload: { data: "A".repeat(200_000) } }, 400],
    ["a version without end", "GET", `${secrets}/token/versions/${"9".repeat(30)}:access`, undefined, 404],
    ["an unknown zone", "GET", `${compute(project)}/zones/__proto__/instanceGroups`, undefined, 400],
    ["an unknown project", "GET", `${compute("a".repeat(64))}/global/urlMaps`, undefined, 400],
    ["an unknown collection", "GET", `${global}/constructor`, undefined, 404],
    ["an API that there is not", "GET", "/compute/v2/", undefined, 404],
    ["an empty part of a path", "GET", `${global}//urlMaps`, undefined, 404],
    ["an encoded slash", "GET", `${maps}/..%2f..%2fx`, undefined, 404],
    ["an encoded NUL", "GET", `${maps}/%00`, undefined, 404],
    ["an encoding of no text", "GET", `${maps}/%ff`, undefined, 404],
    ["an encoding of nothing", "GET", `${maps}/%zz`, undefined, 404],
    ["a name of 9 KB", "GET", `${maps}/${"a".repeat(9_000)}`, undefined, 404],
    ["a log outside of the logs", "GET", `${own}/instances/..%2f..%2fetc%2fpasswd/logs`, undefined, 404],
    ["a wrong method", "PUT", maps, {}, 405],
    ["a method for one, on all", "DELETE", maps, undefined, 405],
    ["a verb by a wrong method", "GET", `${zonal}/instanceGroupManagers/vms/resize`, undefined, 405],
    ["word of a VM that is none", "POST", "/wayside/v1/fleetEvents", { project: 7 }, 400],
    ["a fault that is none", "POST", "/wayside/v1/dev/faults", { constructor: { prototype: {} } }, 400],
  ])("%s", async (...[, method, path, body, status]) => expectRefusal(await call(mesh.api, method, path, body), status));

  it("all mistakes of one body are told at once", async () => {
    const answer = await call(mesh.api, "POST", maps, { name: "m", oops: 1, hostRules: [{ hosts: 7, pathMatcher: {} }] });
    expect(answer.body.error.errors.length).toBeGreaterThanOrEqual(3);
    expect(answer.body.error.errors.every(({ location }: { location: string }) => location.startsWith("resource."))).toBe(true);
  });

  const metadata = ["169.254.169.254", "2852039166", "0xA9FEA9FE", "0251.0376.0251.0376", "169.254.43518", "169.16689662"];
  const hidden = [
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
    "::169.254.169.254",
    "2001:0:a9fe:a9fe::",
  ];
  const others = ["fd00:ec2::254", "100.100.100.200", "0.0.0.0", "255.255.255.255", "224.0.0.1", "::", "fe80::1%eth0", "[::1]"];
  const noAddresses = [
    "localhost",
    "metadata.google.internal",
    "user@10.0.0.1",
    "10.0.0.1:80",
    "http://10.0.0.1",
    "file:///etc/passwd",
    "data:,x",
    "１６９.254.169.254",
    "169。254。169。254",
    "10.0.0.1\0",
    "",
  ];
  it.each([...metadata, ...hidden, ...others, ...noAddresses])("the address %j, for a VM or an endpoint", async (address) => {
    expectRefusal(await call(mesh.api, "POST", `${own}/instances`, { name: "vm", group: "pets", zone, port: 80, address }), 400);
    const attach = `${zonal}/networkEndpointGroups/addresses/attachNetworkEndpoints`;
    expectRefusal(await call(mesh.api, "POST", attach, { networkEndpoints: [{ ipAddress: address, port: 80 }] }), 400);
    const insert = { name: "vm", networkInterfaces: [{ networkIP: address }] };
    if (address !== "") expectRefusal(await call(mesh.api, "POST", `${zonal}/instances`, insert), 400);
  });

  it.each([
    "metadata.google.internal",
    "METADATA.google.internal.",
    "169.254.169.254",
    "2852039166",
    "1.2.3.0x4",
    "a b",
    "user@a.test",
    "-a.test",
  ])("the host name %s, for an endpoint", async (fqdn) => {
    const attach = `${global}/networkEndpointGroups/names/attachNetworkEndpoints`;
    expectRefusal(await call(mesh.api, "POST", attach, { networkEndpoints: [{ fqdn, port: 80 }] }), 400);
  });

  const post = `POST ${maps} HTTP/1.1\r\nConnection: close\r\n`;
  const get = `GET ${maps} HTTP/1.1\r\nConnection: close\r\n`;
  it.each<[string, string, number]>([
    ["two lengths", `${post}Host: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x`, 400],
    ["a negative length", `${post}Host: localhost\r\nContent-Length: -5\r\n\r\n{}`, 400],
    ["a length beyond the limit, and no body yet", `${post}Host: localhost\r\nContent-Length: 2000000\r\n\r\n`, 413],
    [
      "a length beside chunks",
      `${post}Host: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
      400,
    ],
    ["chunks that are none", `${post}Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`, 400],
    ["a transfer coding that is none", `${post}Host: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, 400],
    ["no host", `${get}\r\n`, 400],
    ["two hosts", `${get}Host: localhost\r\nHost: evil.test\r\n\r\n`, 400],
    ["a host that is none", `${get}Host: a b\r\n\r\n`, 400],
    ["the host of somebody else (DNS rebinding)", `${get}Host: evil.test\r\n\r\n`, 403],
    ["a page of somebody else", `${get}Host: localhost\r\nOrigin: https://evil.test\r\n\r\n`, 403],
    [
      "a page of somebody else about a VM",
      "POST /wayside/v1/fleetEvents HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\nOrigin: https://evil.test\r\nContent-Length: 2\r\n\r\n{}",
      403,
    ],
    ["an asterisk for a path", "OPTIONS * HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\n\r\n", 400],
    ["NUL in the path", `GET ${maps}\0 HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\n\r\n`, 400],
    ["bytes that are no text in the path", `GET ${maps}\xff\xfe HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\n\r\n`, 400],
    ["a method that is none", `FROBNICATE ${maps} HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\n\r\n`, 501],
    ["TRACE", `TRACE ${maps} HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\n\r\n`, 405],
    ["no HTTP at all", "\x16\x03\x01\x02\x00\x01\r\n\r\n", 400],
  ])("%s", async (_, text, status) => {
    const answer = await exchange(mesh.api, text);
    expect(answer.status, answer.text).toBe(status);
  });

  it("a body that ends before its length", async () => {
    expect((await exchange(mesh.api, `${post}Host: localhost\r\nContent-Length: 50\r\n\r\n{"name":`, true)).status).toBeOneOf([0, 400]);
  });
});

describe("writers at the same time", () => {
  it("of 50 with one fingerprint one wins, and the others are told", async () => {
    const path = `${global}/backendServices/web`;
    const { fingerprint } = await must(mesh.api, "GET", path);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => call(mesh.api, "PATCH", path, { fingerprint, description: `writer ${index}` })),
    );
    const winners = answers.flatMap(({ status }, index) => (status === 200 ? [index] : []));
    expect(winners).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 200)) {
      expectRefusal(answer, 412);
      expect(answer.body.error.errors[0].reason).toBe("conditionNotMet");
    }
    expect((await must(mesh.api, "GET", path)).description).toBe(`writer ${winners[0]}`);
  });

  it("of 20 who make the same one makes it", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        call(mesh.api, "POST", `${global}/healthChecks`, { name: "race", ...check, description: `${index}` }),
      ),
    );
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, ...Array.from({ length: 19 }, () => 409)]);
    const winner = answers.findIndex(({ status }) => status === 200);
    expect((await must(mesh.api, "GET", `${global}/healthChecks/race`)).description).toBe(String(winner));
  });

  it("none of 50 versions of a secret is lost", async () => {
    const add = async (index: number): Promise<string> => {
      const { name } = await must(mesh.api, "POST", `${secrets}/token:addVersion`, { payload: { data: btoa(`value ${index}`) } });
      return name as string;
    };
    const names = await Promise.all(Array.from({ length: 50 }, (_, index) => add(index)));
    expect(new Set(names).size).toBe(50);
    const values = await Promise.all(names.map(async (name) => atob((await must(mesh.api, "GET", `/v1/${name}:access`)).payload.data)));
    expect(values).toEqual(names.map((_, index) => `value ${index}`));
  });
});

describe("text that is unusual and allowed", () => {
  it("comes back as it was sent", async () => {
    const description = "\0 \u2028 \ud83d\ude00 é __proto__ ${x} {{x}} '; DROP TABLE resources; --";
    await must(mesh.api, "POST", `${global}/healthChecks`, { name: "constructor", ...check, description });
    expect((await must(mesh.api, "GET", `${global}/healthChecks/constructor`)).description).toBe(description);
    await must(mesh.api, "DELETE", `${global}/healthChecks/constructor`);
  });
});

describe("files", () => {
  const folder = mkdtempSync(join(tmpdir(), "wayside-bad-input-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${"bcdefghi"
    .split("")
    .map((name, index) => `${name}: &${name} [${Array.from({ length: 9 }, () => `*${"abcdefgh"[index]}`).join(",")}]\n`)
    .join("")}`;
  it.each([
    ["aliases that multiply", `kind: compute#healthCheck\nname: bomb\n${bomb}`],
    ["a document that is no mapping", "- 1\n- 2\n"],
    ["YAML that is none", "name: [x\n"],
    ["__proto__", `kind: compute#healthCheck\nname: x\n__proto__:\n  polluted: 1\n`],
    ["bytes that are no text", Buffer.from([0xff, 0xfe, 0x00, 0x01])],
    ["1,000 levels", `kind: compute#urlMap\nname: x\ndescription: ${"[".repeat(1000)}${"]".repeat(1000)}\n`],
  ])("of %s end with status 1 and say where", async (_, text) => {
    const path = join(folder, "bad.yaml");
    writeFileSync(path, text);
    const { status, stderr } = await wayside(["apply", "-f", path, "--api", mesh.api]);
    expect(status, stderr).toBe(1);
    expect(stderr).toContain("bad.yaml");
    expect(stderr).not.toMatch(/ {4}at .*\.[jt]s:\d+/);
  });
});
