/**
 * The control Worker: the API over HTTP (default export), the version probe of the proxies (`Bus`), and the objects that keep state.
 * It decides nothing itself: calls become commands for the Project object of their project.
 */
import { WorkerEntrypoint } from "cloudflare:workers";
import type { Hono } from "hono";
import { messageOf } from "#base/errors.ts";
import { systemRandom } from "#base/random.ts";
import type { Pointer } from "#ir/snapshot.ts";
import { createApi } from "./api/app.ts";
import { tokenAuthorizer, trustEveryone } from "./api/authorize.ts";
import type { BusEntrypoint, ReportedProxy } from "./bus.ts";
import type { ControlEnv } from "./env.ts";
import { acceptFleetEvent } from "./fleet-events.ts";
import { logLine } from "./log.ts";
import { acceptTunnel, type TunnelAuthorizer } from "./tunnels.ts";

export { GroupObject } from "#instances/durable/group-object.ts";
export { TunnelObject } from "#instances/durable/tunnel-object.ts";
export { ProjectObject } from "./project/object.ts";

export class Bus extends WorkerEntrypoint<ControlEnv> implements BusEntrypoint {
  pointers(project: string, services: readonly string[]): Promise<Record<string, Pointer>> {
    return this.env.PROJECT.getByName(project).pointers(services);
  }

  report(project: string, reports: readonly ReportedProxy[]): Promise<void> {
    return this.env.PROJECT.getByName(project).report(reports);
  }
}

/** One API per isolate: its environment never changes, and routes and tokens are prepared once. */
let api: Hono | undefined;

export default {
  async fetch(request: Request, env: ControlEnv): Promise<Response> {
    api ??= apiOf(env);
    return (await acceptFleetEvent(request, env)) ?? (await acceptTunnel(request, env, authorizeTunnel(env))) ?? api.fetch(request);
  },
};

/** Until agents have sessions of their own, whoever may change the project may serve as one of its instances. */
function authorizeTunnel(env: ControlEnv): TunnelAuthorizer {
  return async (_instance, bearer) => (env.DEV === "1" ? bearer === "dev" : false);
}

function apiOf(env: ControlEnv): Hono {
  const inEmulator = env.DEV === "1";
  return createApi({
    run: (command) => env.PROJECT.getByName(command.project).run(command),
    authorize: inEmulator ? trustEveryone : tokenAuthorizer(env.API_TOKENS),
    loopbackOnly: inEmulator,
    random: systemRandom,
    log: ({ id, method, path, cause }) => logLine(`internal error ${id}: ${method} ${path}: ${messageOf(cause)}`),
  });
}
