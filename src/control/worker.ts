/**
 * The control Worker: the API over HTTP (default export), the version probe of the proxies (`Bus`), and the objects that keep state.
 * It decides nothing itself: calls become commands for the Project object of their project.
 */
import { WorkerEntrypoint } from "cloudflare:workers";
import type { Hono } from "hono";
import { messageOf } from "#base/errors.ts";
import { systemRandom } from "#base/random.ts";
import type { LeaseControl } from "#instances/lease/lease.ts";
import type { Pointer } from "#ir/snapshot.ts";
import { type ApiDeps, createApi } from "./api/app.ts";
import { tokenAuthorizer, trustEveryone } from "./api/authorize.ts";
import type { BusEntrypoint, ReportedProxy } from "./bus.ts";
import type { ControlEnv } from "./env.ts";
import { acceptFleetEvent } from "./fleet-events.ts";
import { logLine } from "./log.ts";
import { acceptTunnel, type TunnelAuthorizer, tunnelAuthorizer } from "./tunnels.ts";

export { GroupObject } from "#instances/durable/group-object.ts";
export { TunnelObject } from "#instances/durable/tunnel-object.ts";
export { LeaseObject } from "#instances/durable/lease-object.ts";
export { ProjectObject } from "./project/object.ts";

export class Bus extends WorkerEntrypoint<ControlEnv> implements BusEntrypoint {
  async pointers(project: string, services: readonly string[]): Promise<Record<string, Pointer>> {
    // A copy: the result of one call as the result of another would have to be disposed of by whoever gets it.
    return Object.fromEntries(Object.entries(await this.env.PROJECT.getByName(project).pointers(services)));
  }

  report(project: string, reports: readonly ReportedProxy[]): Promise<void> {
    return this.env.PROJECT.getByName(project).report(reports);
  }
}

interface Doors {
  readonly api: Hono;
  readonly authorizeTunnel: TunnelAuthorizer;
}

/** One of each per isolate: its environment never changes, and routes and tokens are prepared once. */
let doors: Doors | undefined;

export default {
  async fetch(request: Request, env: ControlEnv): Promise<Response> {
    doors ??= doorsOf(env);
    const { api, authorizeTunnel } = doors;
    return (await acceptFleetEvent(request, env)) ?? (await acceptTunnel(request, env, authorizeTunnel)) ?? api.fetch(request);
  },
};

function doorsOf(env: ControlEnv): Doors {
  const authorize = env.DEV === "1" ? trustEveryone : tokenAuthorizer(env.API_TOKENS);
  const lease = (name: string): LeaseControl => env.LEASE.getByName(name);
  return { api: apiOf(env, { authorize, lease }), authorizeTunnel: tunnelAuthorizer(lease, authorize) };
}

function apiOf(env: ControlEnv, given: Pick<ApiDeps, "authorize" | "lease">): Hono {
  return createApi({
    run: (command) => env.PROJECT.getByName(command.project).run(command),
    ...given,
    loopbackOnly: env.DEV === "1",
    random: systemRandom,
    log: ({ id, method, path, cause }) => logLine(`internal error ${id}: ${method} ${path}: ${messageOf(cause)}`),
  });
}
