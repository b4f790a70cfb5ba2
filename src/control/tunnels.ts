/**
 * Where agents connect their tunnels: `GET /wayside/v1/projects/P/tunnels/ZONE/GROUP/INSTANCE` with `Upgrade: websocket`. Whoever may speak for the
 * instance is handed over to its Tunnel object; nothing else of a tunnel passes the control Worker.
 */
import { UserError } from "#base/errors.ts";
import type { LeaseControl } from "#instances/lease/lease.ts";
import { groupOfSession, leaseObjectName } from "#instances/lease/session.ts";
import { tunnelHost } from "#tunnel/address.ts";
import { type TunnelNamespace, tunnelTo } from "#tunnel/fetch.ts";
import { connectUrl, protocol } from "#tunnel/protocol.ts";
import { bearerOf, unknownSession } from "./api/agents.ts";
import { type Authorizer, requireRole } from "./api/authorize.ts";
import { errorOutcome } from "./api/errors.ts";
import { guardLoopback } from "./api/host-guard.ts";

/** An instance of an unmanaged group, which is what a tunnel can belong to. */
interface TunneledInstance {
  readonly project: string;
  readonly zone: string;
  readonly group: string;
  readonly name: string;
}

/** Throws `UserError` `unauthorized` or `forbidden` unless whoever sends the request may serve as the instance. */
export type TunnelAuthorizer = (request: Request, instance: TunneledInstance) => Promise<void>;

/** An instance by its own session, anybody else as for a change of the project. */
export function tunnelAuthorizer(lease: (name: string) => Pick<LeaseControl, "authorize">, authorize: Authorizer): TunnelAuthorizer {
  return async (request, { project, zone, group, name }) => {
    const bearer = bearerOf(request);
    const claimed = bearer === undefined ? undefined : groupOfSession(bearer);
    if (bearer === undefined || claimed === undefined) return requireRole(await authorize(request), "editor", "tunnels.connect");
    const key = `zones/${zone}/instanceGroups/${group}`;
    const isOwn = claimed === key && (await lease(leaseObjectName(project, key, name)).authorize(name, bearer));
    if (!isOwn) throw unknownSession();
  };
}

interface TunnelEnv {
  readonly TUNNEL: TunnelNamespace<{ fetch(url: string, init: RequestInit): Promise<Response> }>;
  readonly DEV?: string;
}

const segment = "([a-z0-9](?:[-a-z0-9_.:]{0,61}[a-z0-9])?)";
const name = "([a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)";
const path = new RegExp(`^/wayside/v1/projects/${segment}/tunnels/${name}/${name}/${name}$`);

/** Hands an agent over to its instance's tunnel; undefined when the request is something else. */
export async function acceptTunnel(request: Request, env: TunnelEnv, authorize: TunnelAuthorizer): Promise<Response | undefined> {
  const { pathname } = new URL(request.url);
  const [, project, zone, group, instance] = path.exec(pathname) ?? [];
  if (project === undefined || zone === undefined || group === undefined || instance === undefined) return undefined;
  try {
    // Without TLS a page of the web must not get a connection either: it can open WebSockets to loopback.
    if (env.DEV === "1") guardLoopback(request);
    if (request.method !== "GET") throw new UserError({ code: "methodNotAllowed", message: "A tunnel is connected with GET." });
    await authorize(request, { project, zone, group, name: instance });
    return await connect(request, env, { project, host: tunnelHost(zone, group, instance) });
  } catch (thrown) {
    if (!(thrown instanceof UserError)) throw thrown;
    const { status, body } = errorOutcome("v1", thrown);
    return Response.json(body, { status });
  }
}

interface End {
  readonly project: string;
  readonly host: string;
}

async function connect(request: Request, env: TunnelEnv, { project, host }: End): Promise<Response> {
  const offered = (request.headers.get("sec-websocket-protocol") ?? "").split(",").map((each) => each.trim());
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket" || !offered.includes(protocol)) {
    const text = `Connect with Upgrade: websocket and Sec-WebSocket-Protocol: ${protocol}.`;
    return new Response(text, { status: 426, headers: { upgrade: "websocket", connection: "Upgrade" } });
  }
  return tunnelTo(env.TUNNEL, project, `http://${host}/`).fetch(connectUrl, { headers: { upgrade: "websocket" } });
}
