import { WorkerEntrypoint } from "cloudflare:workers";
import type { MeshLimit } from "#ir/route.ts";
import type { IsolateBinding, PointerReading, ProxyReport } from "./config/host.ts";

/** Which proxy an `IsolateHost` was made for; set by the mesh entry, out of reach of the isolate. */
export interface IsolateProps {
  readonly project: string;
  readonly service: string;
}

/**
 * The class that a mesh entry Worker exports as `IsolateHost`: the RPC face of `Mesh.host(service)`. `hostOf` gives the mesh's host
 * for the props. Every method is an RPC endpoint, so there are exactly those of `IsolateBinding`.
 */
export function isolateHost<Env>(
  hostOf: (env: Env, props: IsolateProps) => IsolateBinding | Promise<IsolateBinding>,
): new (ctx: ExecutionContext<IsolateProps>, env: Env) => WorkerEntrypoint<Env, IsolateProps> & IsolateBinding {
  return class IsolateHost extends WorkerEntrypoint<Env, IsolateProps> implements IsolateBinding {
    async pointer(): Promise<PointerReading> {
      return (await hostOf(this.env, this.ctx.props)).pointer();
    }

    async snapshot(digest: string): Promise<ArrayBuffer | null> {
      return (await hostOf(this.env, this.ctx.props)).snapshot(digest);
    }

    async secret(name: string, version: number): Promise<string | null> {
      return (await hostOf(this.env, this.ctx.props)).secret(name, version);
    }

    async report(report: ProxyReport): Promise<void> {
      await (await hostOf(this.env, this.ctx.props)).report(report);
    }

    async exportSpans(body: string): Promise<boolean> {
      return (await hostOf(this.env, this.ctx.props)).exportSpans(body);
    }

    async count(limit: MeshLimit, value: string): Promise<boolean> {
      return (await hostOf(this.env, this.ctx.props)).count(limit, value);
    }
  };
}
