import { WorkerEntrypoint } from "cloudflare:workers";
import { type TunnelNamespace, tunnelTo } from "#tunnel/fetch.ts";

/** Whose tunnels they are; set by the mesh entry, out of reach of its isolates. */
export interface TunnelProps {
  readonly project: string;
}

/** The class that a mesh entry Worker exports as `TunnelEntry`: isolates cannot be given a binding of objects, so it goes through here. */
export function tunnelEntry<Env>(
  tunnelsOf: (env: Env) => TunnelNamespace<Fetcher>,
): new (ctx: ExecutionContext<TunnelProps>, env: Env) => WorkerEntrypoint<Env, TunnelProps> {
  return class TunnelEntry extends WorkerEntrypoint<Env, TunnelProps> {
    override fetch(request: Request): Promise<Response> {
      return tunnelTo(tunnelsOf(this.env), this.ctx.props.project, request.url).fetch(request);
    }
  };
}
