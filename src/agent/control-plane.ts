/** The calls that an agent makes, and what each failure means for it. */
import { createClient, ApiError, type Client } from "#client/client.ts";
import type { Json, JsonObject } from "#base/json.ts";
import type { Identity, Registered } from "./identity.ts";

/** What is registered of the VM. */
export interface Place {
  readonly networkInterfaces: readonly { readonly networkIP: string; readonly network?: string }[];
  readonly port?: number;
  readonly namedPorts: readonly { readonly name: string; readonly port: number }[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface Session {
  readonly session: string;
  readonly epoch: number;
  readonly heartbeatIntervalSec: number;
  readonly leaseTtlSec: number;
}

export interface Beat {
  readonly isDraining: boolean;
  readonly released: boolean;
}

/** Whether the same call may succeed later: there was no answer, or the control plane could not give one. */
export function isRetryable(failure: unknown): boolean {
  return failure instanceof ApiError && (failure.status === 0 || failure.status === 429 || failure.status >= 500);
}

export class ControlPlane {
  readonly #mesh: string;
  readonly #path: string;
  readonly #open: Client;

  constructor(mesh: string, project: string) {
    this.#mesh = mesh;
    this.#path = `/wayside/v1/projects/${project}`;
    this.#open = createClient({ api: mesh });
  }

  /** Exchanges a token for a registration. Throws `ApiError`: 401 the token is not good, 409 the name is taken. */
  async join(identity: Identity, token: string, wanted: Place & { group?: string; name?: string; tunnel?: boolean }): Promise<Registered> {
    const { networkInterfaces, namedPorts, ...rest } = wanted;
    const lists = {
      networkInterfaces: networkInterfaces.map((each) => ({ ...each })),
      namedPorts: namedPorts.map((each) => ({ ...each })),
    };
    const body = { token, publicKey: identity.publicKey, ...rest, ...lists, labels: { ...rest.labels } };
    const { project, group, name } = await this.#open.call("POST", `${this.#path}/join`, body);
    return { mesh: this.#mesh, project: textOf(project), group: textOf(group), name: textOf(name) };
  }

  /** Opens a session; `previous` is that of an agent that has given way. Throws `ApiError`: 404 the identity is not known (any more). */
  async connect(identity: Identity, registered: Registered, how: { place: Place; previous?: string }): Promise<Session> {
    const attempt = async (least: number): Promise<JsonObject> => {
      const epoch = identity.nextEpoch(least);
      const { group, name } = registered;
      const proof = identity.proof(registered, epoch);
      const { networkInterfaces, namedPorts, port } = how.place;
      const lists = {
        networkInterfaces: networkInterfaces.map((each) => ({ ...each })),
        namedPorts: namedPorts.map((each) => ({ ...each })),
      };
      const client = how.previous === undefined ? this.#open : createClient({ api: this.#mesh, token: how.previous });
      return client.call("POST", `${this.#path}/connect`, {
        group,
        name,
        epoch,
        ...proof,
        ...lists,
        ...(port === undefined ? {} : { port }),
      });
    };
    const answer = await attempt(0).catch((failure: unknown) => {
      const last = failure instanceof ApiError && failure.status === 409 ? failure.body?.["lastEpoch"] : undefined;
      if (typeof last !== "number") throw failure;
      // The counter was lost, as with a disk that was restored.
      return attempt(last);
    });
    const { session, epoch, heartbeatIntervalSec, leaseTtlSec } = answer;
    return {
      session: textOf(session),
      epoch: Number(epoch),
      heartbeatIntervalSec: Number(heartbeatIntervalSec),
      leaseTtlSec: Number(leaseTtlSec),
    };
  }

  async heartbeat(
    { session, epoch }: Session,
    name: string,
    said: { sequence: number; healthy?: boolean; cpuSeconds?: number },
  ): Promise<Beat> {
    const answer = await this.#as(session).call("POST", `${this.#path}/heartbeat`, { name, epoch, ...said });
    return { isDraining: answer["state"] === "DRAINING", released: answer["released"] === true };
  }

  instance({ session }: Session, name: string): Promise<JsonObject> {
    return this.#as(session).call("GET", `${this.#path}/instances/${name}`);
  }

  /** The host patterns of the project's services. */
  async services({ session }: Session, name: string): Promise<readonly string[]> {
    const { services } = await this.#as(session).call("GET", `${this.#path}/instances/${name}/services`);
    return Array.isArray(services) ? services.map(textOf) : [];
  }

  async change({ session }: Session, name: string, verb: "drain" | "undrain"): Promise<void> {
    await this.#as(session).call("POST", `${this.#path}/instances/${name}/${verb}`);
  }

  async deregister({ session }: Session, name: string): Promise<void> {
    await this.#as(session).call("DELETE", `${this.#path}/instances/${name}`);
  }

  #as(session: string): Client {
    return createClient({ api: this.#mesh, token: session });
  }
}

/** Text of an answer; empty where there is none. */
function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}
