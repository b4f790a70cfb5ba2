import { tunnelObjectName } from "./address.ts";

/** The way into a tunnel for whoever sends requests: proxies and health probes. */

/** What the mesh answers itself says why in this header; an application's answer never has it. */
export const tunnelFailureHeader = "x-wayside-tunnel-failure";

/** Why there is no answer, in the words of Workers VPC, so that what is done about them is the same for both. */
export type TunnelFailure = "connection_refused" | "connection_terminated";

/** The binding of the Tunnel objects. */
export interface TunnelNamespace<Stub> {
  getByName(name: string): Stub;
}

/** The Tunnel object of the instance that a URL names by its host. Throws, as for a refused connection, when it names none. */
export function tunnelTo<Stub>(tunnels: TunnelNamespace<Stub>, project: string, url: string): Stub {
  const { hostname } = new URL(url);
  const name = tunnelObjectName(project, hostname);
  if (name === undefined) throw new Error(`connection_refused: ${hostname} is no host of a tunnel`);
  return tunnels.getByName(name);
}

/** A tunnel's answer that there is none. */
export function failureAnswer(failure: TunnelFailure, reason: string): Response {
  return new Response(reason, { status: 502, headers: { [tunnelFailureHeader]: failure } });
}

/** The answer, or the error that `fetch` of a network binding would have thrown. */
export async function throwIfFailed(response: Response): Promise<Response> {
  const failure = response.headers.get(tunnelFailureHeader);
  if (failure === null) return response;
  throw new Error(`${failure}: ${(await response.text()).slice(0, 500)}`);
}
