/** Stands for the control Worker as far as tunnels go: hands every agent over to the one tunnel that there is. */
import { TunnelObject } from "#instances/durable/tunnel-object.ts";
import { connectUrl } from "#tunnel/protocol.ts";

interface Env {
  readonly TUNNEL: DurableObjectNamespace;
  /** Name of the Tunnel object. */
  readonly NAME: string;
}

export { TunnelObject };

// oxlint-disable-next-line import/no-default-export -- a Worker's entry
export default {
  fetch(_request: Request, env: Env): Promise<Response> {
    return env.TUNNEL.getByName(env.NAME).fetch(connectUrl, { headers: { upgrade: "websocket" } });
  },
};
