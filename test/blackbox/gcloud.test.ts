/** Google's CLI with endpoint overrides. Skipped, saying so, where it is not installed. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startMesh, type Mesh } from "./harness/wayside.ts";

const installed = (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, "gcloud")));
if (!installed) console.warn("gcloud is not installed: its tests are skipped");

const project = "gcloud";
const zone = "us-central1-a";
const folder = mkdtempSync(join(tmpdir(), "wayside-gcloud-"));

let mesh: Mesh;

function gcloud(...args: string[]): Promise<string> {
  const token = join(folder, "token");
  writeFileSync(token, "any");
  const env = {
    ...process.env,
    CLOUDSDK_CONFIG: join(folder, "config"),
    CLOUDSDK_AUTH_ACCESS_TOKEN_FILE: token,
    CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE: `${mesh.api}/compute/v1/`,
    CLOUDSDK_API_ENDPOINT_OVERRIDES_NETWORKSERVICES: `${mesh.api}/`,
    CLOUDSDK_API_ENDPOINT_OVERRIDES_NETWORKSECURITY: `${mesh.api}/`,
    CLOUDSDK_CORE_PROJECT: project,
    CLOUDSDK_CORE_DISABLE_PROMPTS: "1",
    CLOUDSDK_CORE_CHECK_GCE_METADATA: "false",
    CLOUDSDK_CORE_DISABLE_USAGE_REPORTING: "true",
    CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK: "true",
    CLOUDSDK_SURVEY_DISABLE_PROMPTS: "true",
  };
  return new Promise((resolve, reject) => {
    execFile("gcloud", args, { env, timeout: 60_000, maxBuffer: 8 << 20 }, (failure, stdout, stderr) =>
      failure === null ? resolve(stdout) : reject(new Error(`gcloud ${args.join(" ")}: ${stderr}${stdout}`)),
    );
  });
}

const json = async (...args: string[]): Promise<unknown> => JSON.parse(await gcloud(...args, "--format=json"));

/** In a file, as `gcloud … import --source` wants it. */
function source(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return `--source=${path}`;
}

const urlMap = `name: map
defaultService: https://www.googleapis.com/compute/v1/projects/${project}/global/backendServices/web
hostRules:
- hosts:
  - web.test
  pathMatcher: web
pathMatchers:
- name: web
  defaultService: https://www.googleapis.com/compute/v1/projects/${project}/global/backendServices/web
  routeRules:
  - priority: 1
    matchRules:
    - prefixMatch: /old
    urlRedirect:
      pathRedirect: /new
tests:
- host: web.test
  path: /
  service: https://www.googleapis.com/compute/v1/projects/${project}/global/backendServices/web
`;

const httpRoute = `name: route
hostnames:
- route.test
meshes:
- projects/${project}/locations/global/meshes/mesh
rules:
- action:
    destinations:
    - serviceName: projects/${project}/locations/global/backendServices/web
`;

describe.skipIf(!installed)("gcloud", () => {
  beforeAll(async () => {
    mesh = await startMesh(["--project", project]);
  });
  afterAll(async () => {
    await mesh.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("creates a template, a group and a backend service, and waits until the group is stable", async () => {
    await gcloud("compute", "health-checks", "create", "tcp", "check", "--port=8080", "--global");
    await gcloud("compute", "instance-templates", "create", "web", "--machine-type=e2-small", "--metadata=startup-script=exec sleep 600");
    await gcloud("compute", "instance-groups", "managed", "create", "web", `--zone=${zone}`, "--template=web", "--size=1");
    await gcloud("compute", "instance-groups", "managed", "set-named-ports", "web", `--zone=${zone}`, "--named-ports=http:8080");
    await gcloud("compute", "instance-groups", "managed", "resize", "web", `--zone=${zone}`, "--size=2");
    await gcloud("compute", "instance-groups", "managed", "wait-until", "web", `--zone=${zone}`, "--stable", "--timeout=30");
    const instances = (await json("compute", "instance-groups", "managed", "list-instances", "web", `--zone=${zone}`)) as {
      instanceStatus: string;
    }[];
    expect(instances.map((instance) => instance.instanceStatus)).toEqual(["RUNNING", "RUNNING"]);
    const scheme = "--load-balancing-scheme=INTERNAL_SELF_MANAGED";
    await gcloud(
      "compute",
      "backend-services",
      "create",
      "web",
      "--global",
      scheme,
      "--health-checks=check",
      "--global-health-checks",
      "--protocol=HTTP",
    );
    await gcloud("compute", "backend-services", "add-backend", "web", "--global", "--instance-group=web", `--instance-group-zone=${zone}`);
    const health = (await json("compute", "backend-services", "get-health", "web", "--global")) as {
      status: { healthStatus: unknown[] };
    }[];
    expect(health[0]?.status.healthStatus.length).toBe(2);
  });

  it("imports, validates, describes, exports and lists URL maps", async () => {
    const file = source("map.yaml", urlMap);
    const validated = (await json("compute", "url-maps", "validate", file, "--global")) as { result: Record<string, unknown> };
    expect(validated.result).toMatchObject({ loadSucceeded: true, testPassed: true });
    await gcloud("compute", "url-maps", "import", "map", file, "--global");
    expect(await json("compute", "url-maps", "describe", "map", "--global")).toMatchObject({ name: "map" });
    const exported = join(folder, "exported.yaml");
    await gcloud("compute", "url-maps", "export", "map", `--destination=${exported}`, "--global");
    expect(readFileSync(exported, "utf8")).toContain("pathRedirect: /new");
    await gcloud("compute", "url-maps", "import", "map", `--source=${exported}`, "--global");
    const listed = (await json("compute", "url-maps", "list")) as { name: string }[];
    expect(listed.map((map) => map.name)).toEqual(["map"]);
  });

  it("imports and exports meshes and HTTP routes", async () => {
    await gcloud("network-services", "meshes", "import", "mesh", source("mesh.yaml", "name: mesh\n"), "--location=global");
    await gcloud("network-services", "http-routes", "import", "route", source("route.yaml", httpRoute), "--location=global");
    const exported = join(folder, "route-exported.yaml");
    await gcloud("network-services", "http-routes", "export", "route", `--destination=${exported}`, "--location=global");
    expect(readFileSync(exported, "utf8")).toContain("route.test");
    await gcloud("network-services", "http-routes", "import", "route", `--source=${exported}`, "--location=global");
    const listed = (await json("network-services", "http-routes", "list", "--location=global")) as { name: string }[];
    expect(listed.map((route) => route.name)).toEqual([`projects/${project}/locations/global/httpRoutes/route`]);
  });

  it("says in Google's words what cannot be deleted, and deletes the rest", async () => {
    await expect(gcloud("compute", "instance-templates", "delete", "web")).rejects.toThrow(/already being used by/);
    await gcloud("network-services", "http-routes", "delete", "route", "--location=global");
    await gcloud("network-services", "meshes", "delete", "mesh", "--location=global");
    await gcloud("compute", "url-maps", "delete", "map", "--global");
    await gcloud("compute", "backend-services", "delete", "web", "--global");
    await gcloud("compute", "instance-groups", "managed", "delete", "web", `--zone=${zone}`);
    await gcloud("compute", "instance-templates", "delete", "web");
    await expect(gcloud("compute", "instance-templates", "describe", "web")).rejects.toThrow(/was not found/);
  });
});
