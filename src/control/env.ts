import type { FleetEvent } from "#instances/fleet.ts";
import type { GroupControl, GroupObserver } from "#instances/group/spec.ts";
import type { LeaseControl, LeaseObserver } from "#instances/lease/lease.ts";
import type { ReportedProxy } from "./bus.ts";
import type { Command, Outcome } from "./command.ts";
import type { Pointer } from "#ir/snapshot.ts";

/** What can be called on a project's object (name = project id). */
export interface ProjectControl extends GroupObserver, LeaseObserver {
  /** Executes one call of the API. Never throws for the user's faults: they are an outcome with an error body. */
  run(command: Command): Promise<Outcome>;
  /** Pointers of the named services whose snapshots are readable in KV; the project's half of `BusEntrypoint.pointers`. */
  pointers(services: readonly string[]): Promise<Record<string, Pointer>>;
  report(reports: readonly ReportedProxy[]): Promise<void>;
}

/** What can be called on a group's object (name = `project/groupKey`). */
interface GroupTarget extends GroupControl {
  /** A process of the fleet ended by itself. Emulator only. */
  fleetEvent(event: FleetEvent): Promise<void>;
}

/** A Durable Object namespace, as far as the control Worker uses one. */
interface ObjectNamespace<Methods> {
  getByName(name: string): Methods;
}

/** Bindings of the control Worker. Those that may be absent are secrets not yet set, or belong to the emulator alone. */
export interface ControlEnv {
  /** Snapshots, pointers and sealed secrets for proxies (docs/storage.md). */
  readonly BUS: KVNamespace;
  readonly PROJECT: ObjectNamespace<ProjectControl>;
  readonly GROUP: ObjectNamespace<GroupTarget>;
  /** Tunnels of instances, by `tunnelObjectName` (src/tunnel/address.ts). */
  readonly TUNNEL: ObjectNamespace<Fetcher>;
  readonly LEASE: ObjectNamespace<LeaseControl>;
  /** Base64 of 32 bytes: opens sealed secrets. Without it secret versions can be neither added nor read. */
  readonly MASTER_KEY?: string;
  /** JSON: list of `{role, sha256}`; see `api/`. */
  readonly API_TOKENS?: string;
  /** Reaches instances: health probes. */
  readonly NET?: Fetcher;
  /** Makes instances of managed groups as local processes (src/instances/fleet.ts). */
  readonly FLEET?: Fetcher;
  /** `"1"`: no token is asked for, and only loopback host names are answered. */
  readonly DEV?: string;
}
