import type { FleetInstance, FleetState } from "../fleet.ts";
import type { GroupSpec } from "../group/spec.ts";

/** Speaks the protocol of `fleet.ts` over the service binding. */

/** As much of a service binding as the client needs. */
export interface FleetBinding {
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** The fleet, as a group uses it. Every call throws with the fleet's own words when it is refused, and ends by itself after a while. */
export interface Fleet {
  create(instance: FleetInstance): Promise<FleetState>;
  delete(spec: GroupSpec, name: string, id: string): Promise<void>;
  /** Until `create` with the same id. */
  suspend(spec: GroupSpec, name: string, id: string): Promise<void>;
  list(spec: GroupSpec): Promise<readonly FleetState[]>;
}

/** Longer than a VM may take to end: it is asked first and killed five seconds later. */
const callTimeoutMs = 20_000;

export class FleetClient implements Fleet {
  readonly #binding: FleetBinding;

  constructor(binding: FleetBinding) {
    this.#binding = binding;
  }

  async create(instance: FleetInstance): Promise<FleetState> {
    const url = `${instancesUrl(instance.project, instance.group)}/${instance.name}`;
    const response = await this.#call(url, { method: "PUT", body: JSON.stringify(instance) });
    return asState(await response.json());
  }

  /** A VM that is not there counts as deleted. */
  async delete(spec: GroupSpec, name: string, id: string): Promise<void> {
    await this.#call(`${instancesUrl(spec.project, spec.key)}/${name}?id=${id}`, { method: "DELETE" }, [404]);
  }

  /** A VM that is not there has no memory to keep. */
  async suspend(spec: GroupSpec, name: string, id: string): Promise<void> {
    await this.#call(`${instancesUrl(spec.project, spec.key)}/${name}/suspend?id=${id}`, { method: "POST" }, [404]);
  }

  async list(spec: GroupSpec): Promise<readonly FleetState[]> {
    const response = await this.#call(instancesUrl(spec.project, spec.key), { method: "GET" });
    const states: unknown = await response.json();
    if (!Array.isArray(states)) throw new Error("the fleet answered with something else than a list");
    return states.map(asState);
  }

  async #call(url: string, init: RequestInit, alsoFine: readonly number[] = []): Promise<Response> {
    const headers = { "content-type": "application/json" };
    const response = await this.#binding.fetch(url, { ...init, headers, signal: AbortSignal.timeout(callTimeoutMs) });
    if (response.ok || alsoFine.includes(response.status)) return response;
    const text = (await response.text()).slice(0, 500);
    throw new Error(`the fleet answered ${response.status}: ${text}`);
  }
}

function instancesUrl(project: string, key: string): string {
  return `http://fleet/projects/${encodeURIComponent(project)}/${key}/instances`;
}

function asState(value: unknown): FleetState {
  const state = value as Partial<FleetState> | null;
  const whole = typeof state?.name === "string" && typeof state.id === "string" && typeof state.address === "string";
  if (!whole || typeof state.running !== "boolean") throw new Error("the fleet answered with something else than an instance");
  return state as FleetState;
}
