/** The tunnel of an agent whose VM cannot be reached: there from the first session to the end, or to the agent that takes over. */
import { startTunnel, type Tunnel, type TunnelState } from "./tunnel/connector.ts";
import type { Place } from "./control-plane.ts";
import type { Registered } from "./identity.ts";
import { finishWithinMs } from "./retry.ts";

/** A successor that does not come must not keep the one before it for ever. */
const replacedWithinMs = 15_000;

export class OwnTunnel {
  readonly #place: Place;
  readonly #session: () => string | undefined;
  readonly #log: (line: string) => void;
  readonly #replaced = Promise.withResolvers<void>();
  #tunnel: Tunnel | undefined;

  /** `session` gives the present one. */
  constructor(place: Place, session: () => string | undefined, log: (line: string) => void) {
    this.#place = place;
    this.#session = session;
    this.#log = log;
  }

  /** Begins with it; once is enough, since it comes back by itself. */
  start({ mesh, project, group, name }: Registered): void {
    if (this.#tunnel) return;
    // `zones/ZONE/instanceGroups/GROUP`.
    const [, zone, , groupName] = group.split("/");
    const { port, namedPorts, networkInterfaces } = this.#place;
    this.#tunnel = startTunnel({
      url: `${mesh.replace(/^http/, "ws").replace(/\/$/, "")}/wayside/v1/projects/${project}/tunnels/${zone}/${groupName}/${name}`,
      bearer: () => {
        const session = this.#session();
        if (session === undefined) throw new Error("the agent is not connected");
        return session;
      },
      application: {
        host: networkInterfaces[0]?.networkIP ?? "127.0.0.1",
        ports: [...(port === undefined ? [] : [port]), ...namedPorts.map((each) => each.port)],
      },
      onState: (state) => this.#tell(state),
    });
  }

  /** Finishes what is under way, and closes. */
  async close(): Promise<void> {
    await this.#tunnel?.close();
  }

  /** Serves until the next agent's tunnel is there, and what it has to its end: no request is without one of the two. */
  async giveWay(): Promise<void> {
    if (!this.#tunnel) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, replacedWithinMs)));
    await Promise.race([this.#replaced.promise, late]);
    clearTimeout(timer);
    await this.#tunnel.close(finishWithinMs);
  }

  #tell(state: TunnelState): void {
    switch (state.state) {
      case "connected":
        return this.#log("the tunnel is connected");
      case "lost":
        return this.#log(`the tunnel is lost (${state.why}); trying again in ${(state.retryInMs / 1000).toFixed(1)} s`);
      case "replaced":
        this.#replaced.resolve();
        return this.#log("the tunnel of another agent has taken over");
      case "closed":
        return this.#log("the tunnel is closed");
    }
  }
}
