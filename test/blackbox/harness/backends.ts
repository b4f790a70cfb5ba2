/** Backend services of groups of VMs that are servers of the test itself, which decides how each of them answers. */
import { compute, createRoute, services } from "./resources.ts";
import { must, until } from "./rest.ts";
import { ask, type Ask, type Reply } from "./traffic.ts";
import { httpUpstream, type Upstream } from "./upstream.ts";
import type { Mesh } from "./wayside.ts";

export const project = "demo";
export const policies = `/wayside/v1/projects/${project}/trafficPolicies`;

/** A VM that answers with its name, as the test wants it. */
export interface Vm extends Upstream {
  readonly name: string;
  /** Of each answer; a function is asked for each. */
  status: number | (() => number);
  delayMs: number;
  /** While it is there, answers wait for it. */
  held: Promise<void> | undefined;
  /** What it says to health checks. */
  isHealthy: boolean;
  /** Of `Endpoint-Load-Metrics`; empty: it reports nothing. */
  load: string;
  requests: number;
  /** The most requests that it had at a time. */
  peak: number;
  inFlight: number;
}

export interface Group {
  readonly name: string;
  readonly zone?: string;
  readonly vms: readonly string[];
  /** Of the backend, besides its group. */
  readonly backend?: object;
}

export interface Service {
  readonly groups: readonly Group[];
  /** Of the backend service. */
  readonly more?: object;
  readonly isChecked?: boolean;
  /** Traffic policy of the backend service. */
  readonly policy?: object;
  /** Of a service LB policy of its own. */
  readonly lbPolicy?: object;
}

const defaultZone = "us-central1-a";

async function startVm(name: string): Promise<Vm> {
  const counts = { requests: 0, peak: 0, inFlight: 0 };
  const upstreamToCome: Upstream = { port: 0, close: () => Promise.resolve() };
  const vm: Vm = { name, status: 200, delayMs: 0, held: undefined, isHealthy: true, load: "", ...counts, ...upstreamToCome };
  const upstream = await httpUpstream((incoming, outgoing) => {
    if (incoming.url === "/healthz") return void outgoing.writeHead(vm.isHealthy ? 200 : 500).end();
    vm.requests += 1;
    vm.inFlight += 1;
    vm.peak = Math.max(vm.peak, vm.inFlight);
    outgoing.on("close", () => (vm.inFlight -= 1));
    const status = typeof vm.status === "number" ? vm.status : vm.status();
    const headers = vm.load === "" ? {} : { "endpoint-load-metrics": vm.load };
    const answer = (): void => void outgoing.writeHead(status, headers).end(name);
    if (vm.held) void vm.held.then(answer);
    else setTimeout(answer, vm.delayMs);
  });
  return Object.assign(vm, upstream);
}

/** The backend services of one mesh, which has a mesh resource `mesh` in project `demo`. */
export class Backends {
  readonly #mesh: Mesh;
  readonly #running: Vm[] = [];

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
  }

  /** Makes `NAME.test` a service of those groups, and waits until the mesh serves it. Gives its VMs by their names. */
  async service(name: string, { groups, more, isChecked = false, policy, lbPolicy }: Service): Promise<Record<string, Vm>> {
    const { api } = this.#mesh;
    const global = `${compute(project)}/global`;
    const vms: Record<string, Vm> = {};
    for (const group of groups) Object.assign(vms, await this.#group(group));
    if (isChecked) await must(api, "POST", `${global}/healthChecks`, checkOf(name));
    if (lbPolicy) await must(api, "POST", `${services(project)}/serviceLbPolicies?serviceLbPolicyId=${name}`, lbPolicy);
    await must(api, "POST", `${global}/backendServices`, {
      name,
      protocol: "HTTP",
      loadBalancingScheme: "INTERNAL_SELF_MANAGED",
      backends: groups.map(({ name: group, zone = defaultZone, backend }) => ({
        group: `zones/${zone}/instanceGroups/${group}`,
        ...backend,
      })),
      ...(isChecked && { healthChecks: [`global/healthChecks/${name}`] }),
      ...(lbPolicy && { serviceLbPolicy: `projects/${project}/locations/global/serviceLbPolicies/${name}` }),
      ...more,
    });
    if (policy) await must(api, "POST", policies, { name, target: `backendServices/${name}`, ...policy });
    const destinations = [{ serviceName: `projects/${project}/locations/global/backendServices/${name}` }];
    const there = { matches: [{ fullPathMatch: "/is-it-there" }], action: { directResponse: { status: 200, stringBody: "yes" } } };
    await createRoute({ api, project, name, host: `${name}.test` }, [there, { action: { destinations } }]);
    await until(`${name}.test`, 10_000, async () => (await this.get(name, { path: "/is-it-there" })).body === "yes");
    if (isChecked) await until(`the VMs of ${name}`, 20_000, async () => (await this.get(name)).status === 200);
    return vms;
  }

  async #group({ name, zone = defaultZone, vms: names }: Group): Promise<Record<string, Vm>> {
    const { api } = this.#mesh;
    await must(api, "POST", `${compute(project)}/zones/${zone}/instanceGroups`, { name });
    const vms: Record<string, Vm> = {};
    for (const each of names) {
      const vm = (vms[each] = await startVm(each));
      this.#running.push(vm);
      const registration = { name: each, address: "127.0.0.1", port: vm.port, group: name, zone };
      await must(api, "POST", `/wayside/v1/projects/${project}/instances`, registration);
    }
    return vms;
  }

  /** One request to `NAME.test`. */
  get(name: string, more: Omit<Ask, "host"> = {}): Promise<Reply> {
    return ask(this.#mesh.mesh, { host: `${name}.test`, ...more });
  }

  /** What so many requests one after the other got, by answer. */
  async inTurn(name: string, count: number): Promise<Record<string, number>> {
    const answers: string[] = [];
    for (let request = 0; request < count; request++) answers.push(reason(await this.get(name)));
    return counted(answers);
  }

  /** What so many requests at once got. */
  async atOnce(name: string, count: number): Promise<Record<string, number>> {
    return counted((await Promise.all(Array.from({ length: count }, () => this.get(name)))).map(reason));
  }

  /** Ends all VMs. */
  async close(): Promise<void> {
    await Promise.all(this.#running.map((vm) => vm.close()));
  }
}

function checkOf(name: string): object {
  const http = { portSpecification: "USE_SERVING_PORT", requestPath: "/healthz" };
  const times = { checkIntervalSec: 1, timeoutSec: 1, healthyThreshold: 1, unhealthyThreshold: 2 };
  return { name, type: "HTTP", ...times, httpHealthCheck: http };
}

/** Has all of them keep what they are asked from now on, until `release`. */
export function hold(vms: readonly Vm[]): { release(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const vm of vms) vm.held = promise;
  return {
    release: () => {
      for (const vm of vms) vm.held = undefined;
      resolve();
    },
  };
}

/** `200 vm-0`, or the mesh's reason in place of the body. */
export const reason = (reply: Reply): string => `${reply.status} ${reply.headers["x-wayside-reason"] ?? reply.body}`;

function counted(answers: readonly string[]): Record<string, number> {
  const seen: Record<string, number> = {};
  for (const answer of answers) seen[answer] = (seen[answer] ?? 0) + 1;
  return seen;
}

/** How many of the answers are such. */
export const of = (seen: Record<string, number>, pattern: RegExp): number =>
  Object.entries(seen).reduce((sum, [answer, count]) => sum + (pattern.test(answer) ? count : 0), 0);
