/** The VM's part in a group: registered, connected, heartbeating, until it leaves. */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf, UserError } from "#base/errors.ts";
import type { JsonObject } from "#base/json.ts";
import { systemRandom } from "#base/random.ts";
import { ApiError } from "#client/client.ts";
import { ControlPlane, isRetryable, type Beat, type Session } from "./control-plane.ts";
import type { Identity, Registered } from "./identity.ts";
import { heartbeatMs, jitteredMs } from "./retry.ts";
import type { AgentOptions } from "./options.ts";

/** With what an agent begins. */
export interface MembershipStart {
  readonly identity: Identity;
  readonly token?: string;
  /** The session of the agent that this one takes the place of. */
  readonly previous?: string;
}

export interface MembershipPorts {
  /** What heartbeats tell of the application. */
  readonly said: () => { readonly healthy?: boolean; readonly cpuSeconds?: number };
  /** Called with each new session. */
  readonly connected: (registered: Registered) => void;
  /** Another agent has the identity; the text says who. */
  readonly superseded: (text: string) => void;
  readonly log: (line: string) => void;
}

const lookEveryMs = 1000;
/** A proxy that cannot be reached must not keep a VM for ever. */
const releaseWithinMs = 30_000;
const releasePollMs = 500;
/** Requests in flight when the last proxy let go get at least this long. */
const graceMs = 1000;

export class Membership {
  readonly #options: AgentOptions;
  readonly #start: MembershipStart;
  readonly #ports: MembershipPorts;
  readonly #plane: ControlPlane;
  #session: Session | undefined;
  #sequence = 0;
  #beat: Beat = { isDraining: false, released: false };
  #lastContact: string | undefined;
  #nextBeat: NodeJS.Timeout | undefined;
  #isLeaving = false;

  constructor(options: AgentOptions, start: MembershipStart, ports: MembershipPorts) {
    this.#options = options;
    this.#start = start;
    this.#ports = ports;
    this.#plane = new ControlPlane(options.mesh, options.project);
  }

  /** Text of the present session; undefined while there is none. */
  get session(): string | undefined {
    return this.#session?.session;
  }

  /** The host patterns of the project's services. Rejects while there is no session. */
  async services(): Promise<readonly string[]> {
    const { session, registered } = this.#connected();
    return this.#plane.services(session, registered.name);
  }

  /** Takes the VM out of traffic, or lets it in. */
  async change(verb: "drain" | "undrain"): Promise<void> {
    const { session, registered } = this.#connected();
    await this.#plane.change(session, registered.name, verb);
    await this.#heartbeatOnce(session, registered.name);
  }

  /** Heartbeats now: there is something to tell. */
  tell(): void {
    if (this.#session) this.#schedule(0);
  }

  /** No heartbeat comes from here any more. */
  stop(): void {
    this.#isLeaving = true;
    clearTimeout(this.#nextBeat);
  }

  /** Out of traffic, and deregistered unless it is to `stay`. Gives what came of it, in a sentence; never rejects. */
  async leave(stay: boolean): Promise<string> {
    this.stop();
    const session = this.#session;
    const { registered } = this.#start.identity;
    if (!session || !registered) return "left";
    try {
      await this.#depart(session, registered, stay);
      return stay ? `${registered.name} stays registered, out of traffic until it is back` : `${registered.name} left ${registered.group}`;
    } catch (failure) {
      return `stopped without leaving, ${this.#options.mesh} does not answer (${messageOf(failure)}); its lease will end by itself`;
    }
  }

  status(): JsonObject {
    const { registered } = this.#start.identity;
    return {
      ...(registered && { group: registered.group, name: registered.name }),
      connected: this.#session !== undefined,
      ...(this.#session && { epoch: this.#session.epoch }),
      draining: this.#beat.isDraining,
      released: this.#beat.released,
      ...(this.#lastContact === undefined ? {} : { lastContact: this.#lastContact }),
    };
  }

  /** Registers where that is needed, and connects; again and again while the control plane is away. Rejects when that cannot be mended by waiting. */
  async join(): Promise<void> {
    const { identity } = this.#start;
    for (let failures = 0; !this.#isLeaving;) {
      try {
        const known = identity.registered;
        const isOurs = known?.mesh === this.#options.mesh && known.project === this.#options.project;
        await this.#connect(isOurs ? known : await this.#register());
        return;
      } catch (failure) {
        if (!isRetryable(failure)) throw failure;
        failures++;
        const waitMs = jitteredMs(failures, systemRandom.float());
        this.#ports.log(`${this.#options.mesh} cannot be reached; trying again in ${(waitMs / 1000).toFixed(1)} s`);
        await pause(waitMs);
      }
    }
  }

  async #register(): Promise<Registered> {
    const { identity, token } = this.#start;
    const { group, isTunneled, name, place } = this.#options;
    if (token === undefined) {
      const message = 'This VM is not registered. Pass a join token: --token "$(wayside vm token --group GROUP)".';
      throw new UserError({ code: "required", field: "--token", message });
    }
    const wanted = {
      ...place,
      ...(isTunneled && { tunnel: true }),
      ...(group === undefined ? {} : { group }),
      ...(name === undefined ? {} : { name }),
    };
    const registered = await this.#plane.join(identity, token, wanted);
    identity.register(registered);
    const at = place.networkInterfaces.map(({ networkIP, network }) => (network === undefined ? networkIP : `${networkIP} (${network})`));
    const port = place.port === undefined ? "" : `, port ${place.port}`;
    const way = isTunneled ? ", behind a tunnel" : "";
    this.#ports.log(`registered ${registered.name} in ${registered.group} at ${at.join(", ")}${port}${way}`);
    return registered;
  }

  async #connect(registered: Registered): Promise<void> {
    const { identity, previous } = this.#start;
    const how = { place: this.#options.place, ...(previous === undefined ? {} : { previous }) };
    const session = await this.#plane.connect(identity, registered, how).catch(async (failure: unknown) => {
      if (!(failure instanceof ApiError) || failure.status !== 404) throw failure;
      // Deregistered or collected, or a registration that has not got there yet.
      return this.#plane.connect(identity, await this.#again(registered), how);
    });
    this.#session = session;
    this.#sequence = 0;
    this.#ports.log(`connected as ${registered.name}, epoch ${session.epoch}`);
    if (existsSync(this.#stoppedFile)) {
      await this.#plane.change(session, registered.name, "undrain");
      rmSync(this.#stoppedFile);
    }
    this.#schedule(0);
    this.#ports.connected(registered);
    void this.#tellHealth(session, registered.name);
  }

  /** Says once what the mesh makes of the VM. */
  async #tellHealth(session: Session, name: string): Promise<void> {
    while (this.#session === session && !this.#isLeaving) {
      const instance = await this.#plane.instance(session, name).catch(() => undefined);
      if (this.#ports.said().healthy !== false && instance?.["health"] === "HEALTHY")
        return this.#ports.log(`${name} is healthy: the mesh may send it requests`);
      await pause(lookEveryMs);
    }
  }

  async #again(registered: Registered): Promise<Registered> {
    await pause(1000);
    if (this.#start.token === undefined) return registered;
    return this.#register().catch((failure: unknown) => {
      this.#ports.log(sentence(failure));
      return registered;
    });
  }

  #schedule(afterMs: number): void {
    clearTimeout(this.#nextBeat);
    if (!this.#isLeaving) this.#nextBeat = setTimeout(() => void this.#heartbeat(), afterMs);
  }

  async #heartbeat(): Promise<void> {
    const session = this.#session;
    const { registered } = this.#start.identity;
    if (!session || !registered) return;
    try {
      await this.#heartbeatOnce(session, registered.name);
      this.#schedule(heartbeatMs(session.heartbeatIntervalSec, systemRandom.float()));
    } catch (failure) {
      this.#failed(failure, session);
    }
  }

  async #heartbeatOnce(session: Session, name: string): Promise<void> {
    this.#beat = await this.#plane.heartbeat(session, name, { sequence: ++this.#sequence, ...this.#ports.said() });
    this.#lastContact = new Date().toISOString();
  }

  /** The VM goes on in every case but one: another agent has its identity. */
  #failed(failure: unknown, session: Session): void {
    if (this.#isLeaving) return;
    const status = failure instanceof ApiError ? failure.status : undefined;
    if (status === 409) return this.#ports.superseded(sentence(failure));
    if (status === 401 || status === 404) {
      this.#session = undefined;
      this.#ports.log(sentence(failure));
      void this.#reconnect(status === 404 ? 1 : 0);
      return;
    }
    this.#schedule(heartbeatMs(session.heartbeatIntervalSec, systemRandom.float()));
  }

  async #reconnect(failures: number): Promise<void> {
    await pause(jitteredMs(failures, systemRandom.float()));
    if (this.#isLeaving) return;
    await this.join().catch((failure: unknown) => {
      this.#ports.log(sentence(failure));
      void this.#reconnect(failures + 1);
    });
  }

  async #depart(session: Session, registered: Registered, stay: boolean): Promise<void> {
    const { name } = registered;
    await this.#plane.change(session, name, "drain");
    this.#ports.log(`${name} is draining`);
    const deadline = performance.now() + releaseWithinMs;
    while (!this.#beat.released && performance.now() < deadline) {
      await this.#heartbeatOnce(session, name);
      if (!this.#beat.released) await pause(releasePollMs);
    }
    this.#ports.log(this.#beat.released ? `no proxy sends requests to ${name} any more` : `the proxies did not let go of ${name} in time`);
    await pause(graceMs);
    if (stay) return writeFileSync(this.#stoppedFile, "");
    await this.#plane.deregister(session, name);
    this.#start.identity.register(undefined);
  }

  #connected(): { readonly session: Session; readonly registered: Registered } {
    const session = this.#session;
    const { registered } = this.#start.identity;
    if (!session || !registered) throw new Error("the agent is not connected");
    return { session, registered };
  }

  /** There while the drain is ours, by a stop, and not somebody's wish. */
  get #stoppedFile(): string {
    return join(this.#options.folder, "stopped");
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What a person reads of a failure. */
export function sentence(failure: unknown): string {
  if (failure instanceof ApiError) return failure.faults.map(({ message }) => message).join(" ");
  return failure instanceof UserError ? failure.message : messageOf(failure);
}
