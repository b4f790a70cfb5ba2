import { DurableObject } from "cloudflare:workers";
import { systemClock } from "#base/clock.ts";
import { systemRandom } from "#base/random.ts";
import { isTunnelHost } from "#tunnel/address.ts";
import type { FleetEvent } from "../fleet.ts";
import type { GroupControl, GroupObserver, GroupSpec } from "../group/spec.ts";
import { probe } from "../health/probe.ts";
import type { Net } from "../health/probe.ts";
import type { Signals } from "../scale/spec.ts";
import { type ProbeTunnels, tunnelNet } from "../health/tunnel-net.ts";
import { FleetClient } from "./fleet-client.ts";
import type { FleetBinding } from "./fleet-client.ts";
import { GroupRunner } from "./runner.ts";
import { SqlGroupStorage } from "./sql-storage.ts";

/** What a Group object needs of the control Worker's environment. */
export interface GroupEnv {
  readonly PROJECT: { getByName(project: string): GroupObserver };
  /** Way to the instances' addresses, for health probes. Without it none can be reached. */
  readonly NET?: Net;
  /** Tunnels of instances, for probes of those that nothing else reaches. */
  readonly TUNNEL?: ProbeTunnels;
  /** The emulator's fleet; absent where instances join by themselves. */
  readonly FLEET?: FleetBinding;
}

const noNetwork: Net = {
  fetch: () => Promise.reject(new Error("no network binding NET")),
  connect: () => {
    throw new Error("no network binding NET");
  },
};

function netTo({ NET: network, TUNNEL: tunnels }: GroupEnv, address: string, project: string): Net {
  return tunnels && isTunnelHost(address) ? tunnelNet(tunnels, project) : (network ?? noNetwork);
}

/**
 * One instance group, named `project/groupKey`. Its state lives here because one owner must decide which instances there are; whatever
 * it holds in memory alone (calls in flight, probe counters) is made again after an eviction, because every call is idempotent.
 */
export class GroupObject extends DurableObject<GroupEnv> implements GroupControl {
  readonly #runner: GroupRunner;

  constructor(ctx: DurableObjectState, env: GroupEnv) {
    super(ctx, env);
    this.#runner = new GroupRunner({
      clock: systemClock,
      random: systemRandom,
      storage: new SqlGroupStorage(ctx.storage),
      observer: (project) => env.PROJECT.getByName(project),
      probe: (spec, target, project) => probe(netTo(env, target.address, project), spec, target),
      ...(env.FLEET ? { fleet: new FleetClient(env.FLEET) } : {}),
      setAlarm: (atMs) => ctx.waitUntil(ctx.storage.setAlarm(atMs)),
      keep: (work) => ctx.waitUntil(work),
      // oxlint-disable-next-line no-console -- the log of a Worker is its console
      log: (line) => console.error(line),
    });
  }

  /** Takes a specification that is newer than its own and returns once it is stored; the work goes on by itself. Called by the Project object. */
  async configure(spec: GroupSpec): Promise<void> {
    this.#runner.configure(spec);
  }

  /** See `GroupControl.measure`. */
  async measure(signals: Signals): Promise<void> {
    this.#runner.measure(signals);
  }

  /** A VM of the emulator ended by itself. Called by the control Worker; safe to repeat, and about instances long gone. */
  async fleetEvent(event: FleetEvent): Promise<void> {
    this.#runner.fleetEvent(event);
  }

  override async alarm(): Promise<void> {
    this.#runner.tick();
  }
}
