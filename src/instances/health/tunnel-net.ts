import { throwIfFailed, type TunnelNamespace, tunnelTo } from "#tunnel/fetch.ts";
import type { Net, NetSocket } from "./probe.ts";

/** The network of instances that only their tunnels reach, for probes. */

/** The binding of the Tunnel objects, as far as probes use it. */
export type ProbeTunnels = TunnelNamespace<{ fetch(url: string, init: RequestInit): Promise<Response> }>;

/**
 * What passes a tunnel is HTTP. So a connection is taken to open when the application answers a request, whatever it answers; text cannot be
 * exchanged over it.
 */
export function tunnelNet(tunnels: ProbeTunnels, project: string): Net {
  const ask = async (url: string, init: RequestInit): Promise<Response> =>
    throwIfFailed(await tunnelTo(tunnels, project, url).fetch(url, init));
  return { fetch: ask, connect: (address) => new AnsweredSocket(ask(`http://${address}/`, { redirect: "manual" })) };
}

class AnsweredSocket implements NetSocket {
  readonly opened: Promise<unknown>;

  constructor(answer: Promise<Response>) {
    this.opened = answer.then((response) => response.body?.cancel());
  }

  get readable(): never {
    throw new Error("a TCP health check cannot exchange text through a tunnel");
  }

  get writable(): never {
    throw new Error("a TCP health check cannot exchange text through a tunnel");
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
