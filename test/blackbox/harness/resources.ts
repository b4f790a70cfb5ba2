/** Resources of a small service, created over REST in Google's shapes. */
import { must } from "./rest.ts";

/**
 * A start-up script whose server answers each request with its instance's name; `/slow` answers after 300 ms, `/echo` with what it got, `/probed` with
 * how many health probes it got.
 */
export const echoScript = `set -eu
cat > server.mjs <<'JS'
import { createServer } from "node:http";
const { HOST, PORT, INSTANCE_NAME } = process.env;
let probed = 0;
const server = createServer((request, response) => {
  if (request.headers["user-agent"]?.startsWith("Wayside-HC/")) probed += 1;
  if (request.url === "/healthz") return response.end("ok");
  if (request.url === "/probed") return response.end(String(probed));
  if (request.url.startsWith("/echo")) {
    response.setHeader("content-type", "application/json");
    return response.end(JSON.stringify({ instance: INSTANCE_NAME, pid: process.pid, method: request.method, url: request.url, headers: request.headers }));
  }
  if (request.url === "/slow") return setTimeout(() => response.end(INSTANCE_NAME), 300);
  response.end(INSTANCE_NAME);
});
server.listen(Number(PORT), HOST);
process.on("SIGTERM", () => { server.close(() => process.exit(0)); server.closeIdleConnections(); });
JS
exec node server.mjs
`;

export const zone = "us-central1-a";

export const compute = (project: string): string => `/compute/v1/projects/${project}`;
export const services = (project: string): string => `/v1/projects/${project}/locations/global`;

export interface EchoService {
  readonly api: string;
  readonly project: string;
  readonly name: string;
  readonly size: number;
}

/** Health check, template, managed group and backend service named `name`. */
export async function createBackend({ api, project, name, size }: EchoService): Promise<void> {
  const base = compute(project);
  await must(api, "POST", `${base}/global/healthChecks`, {
    name: `${name}-hc`,
    type: "HTTP",
    checkIntervalSec: 1,
    timeoutSec: 1,
    healthyThreshold: 1,
    unhealthyThreshold: 2,
    httpHealthCheck: { portSpecification: "USE_SERVING_PORT", requestPath: "/healthz" },
  });
  await must(api, "POST", `${base}/global/instanceTemplates`, {
    name: `${name}-template`,
    properties: { machineType: "e2-small", metadata: { items: [{ key: "startup-script", value: echoScript }] } },
  });
  await must(api, "POST", `${base}/zones/${zone}/instanceGroupManagers`, {
    name,
    baseInstanceName: name,
    instanceTemplate: `projects/${project}/global/instanceTemplates/${name}-template`,
    targetSize: size,
    namedPorts: [{ name: "http", port: 8080 }],
  });
  await must(api, "POST", `${base}/global/backendServices`, {
    name,
    protocol: "HTTP",
    portName: "http",
    loadBalancingScheme: "INTERNAL_SELF_MANAGED",
    healthChecks: [`projects/${project}/global/healthChecks/${name}-hc`],
    backends: [{ group: `https://www.googleapis.com/compute/v1/projects/${project}/zones/${zone}/instanceGroups/${name}` }],
  });
}

export async function createMesh(api: string, project: string): Promise<void> {
  await must(api, "POST", `${services(project)}/meshes?meshId=mesh`, {});
}

/** An HttpRoute `name` for `host` on the mesh `mesh`; by default it sends everything to the backend service of its own name. */
export async function createRoute(target: { api: string; project: string; name: string; host: string }, rules?: unknown[]): Promise<void> {
  const { api, project, name, host } = target;
  await must(api, "POST", `${services(project)}/httpRoutes?httpRouteId=${name}`, {
    hostnames: [host],
    meshes: [`projects/${project}/locations/global/meshes/mesh`],
    rules: rules ?? [{ action: { destinations: [{ serviceName: `projects/${project}/locations/global/backendServices/${name}` }] } }],
  });
}
