/** Warnings and faults of files, with and without a control API. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type Ended, wayside } from "./command.ts";
import { startControl, type ControlServer } from "./control-server.ts";

vi.setConfig({ testTimeout: 30_000 });

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "wayside-analyze-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const shop = `kind: networkservices#mesh
name: shop
---
kind: compute#backendService
name: cart
protocol: HTTP
loadBalancingScheme: INTERNAL_SELF_MANAGED
logConfig: { enable: false }
enableCDN: false
security_policy: global/securityPolicies/strict
---
kind: networkservices#httpRoute
name: cart
meshes: [projects/demo/locations/global/meshes/shop]
hostnames: [cart.test]
rules:
  - action: { destinations: [{ serviceName: projects/demo/locations/global/backendServices/cart }] }
  - action:
      destinations: [{ serviceName: projects/demo/locations/global/backendServices/cart }]
      retryPolicy: { numRetries: 3 }
---
kind: compute#urlMap
name: web
hostRules: [{ hosts: [cart.test], pathMatcher: m }]
pathMatchers:
  - name: other
    defaultService: global/backendServices/cart
  - name: m
    defaultService: global/backendServices/cart
    routeRules:
      - priority: 20
        matchRules: [{ prefixMatch: /a }]
        service: global/backendServices/cart
      - priority: 10
        matchRules: [{ prefixMatch: /b }]
        service: global/backendServices/cart
        customErrorResponsePolicy: { errorService: global/backendBuckets/errors }
defaultService: global/backendServices/cart
---
kind: compute#targetHttpProxy
name: web
urlMap: global/urlMaps/web
---
kind: compute#forwardingRule
name: web
loadBalancingScheme: INTERNAL_SELF_MANAGED
IPAddress: 0.0.0.0
portRange: "80"
network: global/networks/default
target: global/targetHttpProxies/web
---
kind: networkservices#tcpRoute
name: raw
rules: [{ action: { originalDestination: true } }]
`;
const mapField = "urlMaps/web.pathMatchers[m].routeRules[priority 10].customErrorResponsePolicy";
const warned = (path: string): string[] => [
  `${path}:10:18: warning: backendServices/cart.securityPolicy is stored; it has no effect on traffic`,
  `${path}:12:1: warning: cart.test is served by global/urlMaps/web, which is older; that locations/global/httpRoutes/cart claims it, too, has no effect`,
  `${path}:37:9: warning: ${mapField} is stored; it has no effect on traffic`,
  `${path}:52:1: warning: tcpRoutes/raw is stored; it has no effect on traffic`,
];
const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");

describe("analyze", () => {
  const run = (...args: string[]): Promise<Ended> => wayside(["analyze", ...args]);

  it("tells where something is stored without effect, and ends well", async () => {
    const path = file("shop.yaml", shop);
    const { status, stdout, stderr } = await run(path);
    expect([status, stderr]).toEqual([0, ""]);
    expect(lines(stdout)).toEqual(warned(path));
  });

  it("says of rules what can never happen", async () => {
    const path = file("map.yaml", shop.replace("hostnames: [cart.test]", "hostnames: [route.test]"));
    const { stdout } = await run(path);
    const retry = "httpRoutes/cart.rules[1].action.retryPolicy names no retryConditions, so nothing is retried";
    expect(stdout).toContain(`${path}:20:7: warning: ${retry}\n`);
    expect(stdout).not.toContain("claims it, too");
  });

  it("gives programs the same", async () => {
    const path = file("json.yaml", shop);
    const { stdout } = await run(path, "-o", "json");
    expect(JSON.parse(stdout)).toContainEqual({ where: `${path}:52:1`, message: "tcpRoutes/raw is stored; it has no effect on traffic" });
  });

  it("has nothing to say of the examples", async () => {
    const { status, stdout, stderr } = await run("examples/shop");
    expect([status, stdout, stderr]).toEqual([0, "no warnings\n", ""]);
  });

  it("ends with status 1 for what would be refused: a fault of a file, or a test of a URL map", async () => {
    const broken = await run("examples/tour/broken.yaml");
    expect([broken.status, broken.stdout]).toEqual([1, ""]);
    expect(broken.stderr).toMatch(/^examples\/tour\/broken\.yaml:17:19: /);
    const path = file(
      "test.yaml",
      `${shop.trimEnd()}\n---\nkind: compute#urlMap\nname: tested\ndefaultService: global/backendServices/cart\ntests:\n  - { host: a.test, path: /, service: global/backendServices/pay }\n`,
    );
    const failed = await run(path);
    expect([failed.status, lines(failed.stdout).length]).toEqual([1, 4]);
    expect(failed.stderr).toMatch(
      /^.*test\.yaml:59:1: .*Test failure: Expect URL 'a\.test\/' to map to service 'global\/backendServices\/pay'/,
    );
    expect((await run()).status).toBe(2);
  });
});

describe("with a control API", () => {
  let control: ControlServer;
  beforeEach(async () => {
    control = await startControl();
  });
  afterEach(() => control.close());
  const run = (...args: string[]): Promise<Ended> => wayside(args, { env: { WAYSIDE_API: control.api } });

  it("apply warns of what is in its files, and status of everything", async () => {
    const path = file("applied.yaml", shop);
    const first = await run("apply", "-f", path);
    expect(first.status).toBe(0);
    expect(lines(first.stderr)).toEqual(warned(path));
    const plain = file(
      "plain.yaml",
      "kind: compute#backendService\nname: pay\nprotocol: HTTP\nloadBalancingScheme: INTERNAL_SELF_MANAGED\n",
    );
    expect((await run("apply", "-f", plain)).stderr).toBe("");
    const { status, stdout } = await run("status");
    expect(status).toBe(0);
    expect(stdout).toContain("\nwarning: backendServices/cart.securityPolicy is stored; it has no effect on traffic\n");
    expect(stdout).toContain("\nwarning: tcpRoutes/raw is stored; it has no effect on traffic\n");
    expect(stdout).toMatch(/\nconflict: cart\.test is served by /);
  });

  it("apply --dry-run runs the tests of URL maps, and changes nothing", async () => {
    const tests = "tests:\n  - { host: a.test, path: /, service: global/backendServices/pay }\n";
    const path = file("dry.yaml", `kind: compute#urlMap\nname: m\ndefaultService: global/backendServices/cart\n${tests}`);
    const failed = await run("apply", "-f", path, "--dry-run");
    expect([failed.status, failed.stdout]).toEqual([1, ""]);
    expect(failed.stderr).toMatch(/^.*dry\.yaml:4:1: .*Test failure: .*actually mapped to 'global\/backendServices\/cart'/);
    const right = file("dry-right.yaml", `kind: compute#urlMap\nname: m\ndefaultService: global/backendServices/pay\n${tests}`);
    expect(await run("apply", "-f", right, "--dry-run")).toEqual({ status: 0, stdout: "would be created  urlMap m\n", stderr: "" });
    expect(control.changes).toEqual([]);
    const warning = await run("apply", "-f", file("dry-warn.yaml", shop), "--dry-run");
    expect(warning.stderr).toContain("warning: tcpRoutes/raw is stored");
    expect(control.changes).toEqual([]);
  });
});
