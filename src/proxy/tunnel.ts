import { throwIfFailed } from "#tunnel/fetch.ts";
import type { FetchInit, FetchLike } from "./upstream/transport.ts";

/** The transport `tunnel`: `fetch`, as if the instance could be reached. */

/** What hands a request on to a tunnel: a Tunnel object, or the mesh entry on the way to one. */
interface TunnelEnd {
  fetch(target: string | Request, init: FetchInit): Promise<Response>;
}

/** `endOf` gives where the request to a URL goes. Like any fetch it throws where there is no answer, with the words of Workers VPC. */
export function fetchTunnel(endOf: (url: string) => TunnelEnd): FetchLike {
  return async (target, init) => throwIfFailed(await endOf(typeof target === "string" ? target : target.url).fetch(target, init));
}
