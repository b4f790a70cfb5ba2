/** An agent: one VM's part in the mesh, from its registration to its end. */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf, UserError } from "#base/errors.ts";
import type { JsonObject } from "#base/json.ts";
import { systemRandom } from "#base/random.ts";
import { ApiError } from "#client/client.ts";
import { Application } from "./application.ts";
import { ControlPlane, isRetryable, type Beat, type Session } from "./control-plane.ts";
import { listenAt } from "./control-socket.ts";
import type { Identity, Registered } from "./identity.ts";
import { OwnTunnel } from "./own-tunnel.ts";
import { probeOnce, verdictAfter } from "./probe.ts";
import { heartbeatMs, jitteredMs } from "./retry.ts";
import type { AgentOptions } from "./options.ts";
import { startSuccessor } from "./succession.ts";

export interface AgentStart {
  readonly identity: Identity;
  readonly token?: string;
  /** The session of the agent that this one takes the place of. */
  readonly previous?: string;
}

/** How an agent ends: with which status, and with what to say. */
export interface Ending {
  readonly status: 0 | 1;
  readonly text: string;
}

const probeEveryMs = 1000;
/** A proxy that cannot be reached must not keep a VM for ever. */
const releaseWithinMs = 30_000;
const releasePollMs = 500;
/** Requests in flight when the last proxy let go get at least this long. */
const graceMs = 1000;

export class Agent {
  readonly #options: AgentOptions;
  readonly #start: AgentStart;
  readonly #log: (line: string) => void;
  readonly #plane: ControlPlane;
  readonly #application: Application;
  /** Absent where the mesh connects to the VM. */
  readonly #tunnel: OwnTunnel | undefined;
  readonly #ended = Promise.withResolvers<Ending>();
  #session: Session | undefined;
  #sequence = 0;
  #beat: Beat = { isDraining: false, released: false };
  #verdict: { readonly healthy: boolean | undefined; readonly failures: number };
  #lastContact: string | undefined;
  #timers: { beat?: NodeJS.Timeout; probe?: NodeJS.Timeout } = {};
  #isLeaving = false;
  #socket: { close(): Promise<void> } | undefined;

  constructor(options: AgentOptions, start: AgentStart, log: (line: string) => void) {
    this.#options = options;
    this.#start = start;
    this.#log = log;
    this.#plane = new ControlPlane(options.mesh, options.project);
    const { port } = options.place;
    this.#tunnel = options.isTunneled ? new OwnTunnel(options.place, () => this.#sessionText(), log) : undefined;
    // Nothing is sent to an application that has not yet been seen to be well.
    this.#verdict = { healthy: port === undefined ? undefined : false, failures: 0 };
    this.#application = new Application({
      folder: options.folder,
      command: options.command,
      environment: port === undefined ? {} : { PORT: String(port) },
      log,
    });
  }

  /** Does all of it; resolves when the agent is to end. Throws `UserError` when it cannot begin. */
  async run(): Promise<Ending> {
    this.#socket = await listenAt(this.#options.folder, (request) => this.#serve(request));
    this.#application.start();
    this.#probe();
    void this.#join().catch((failure: unknown) => this.#end({ status: 1, text: sentence(failure) }, "stop"));
    return this.#ended.promise;
  }

  /** Out of traffic, deregistered, application stopped; in this order. Idempotent. */
  async leave({ stay = false }: { readonly stay?: boolean } = {}): Promise<void> {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    clearTimeout(this.#timers.beat);
    const session = this.#session;
    const { registered } = this.#start.identity;
    let text = "left";
    if (session && registered) {
      try {
        await this.#depart(session, registered, stay);
        text = stay
          ? `${registered.name} stays registered, out of traffic until it is back`
          : `${registered.name} left ${registered.group}`;
      } catch (failure) {
        text = `stopped without leaving, ${this.#options.mesh} does not answer (${messageOf(failure)}); its lease will end by itself`;
      }
    }
    await this.#end({ status: 0, text }, "stop");
  }

  async #depart(session: Session, registered: Registered, stay: boolean): Promise<void> {
    const { name } = registered;
    await this.#plane.change(session, name, "drain");
    this.#log(`${name} is draining`);
    const deadline = performance.now() + releaseWithinMs;
    while (!this.#beat.released && performance.now() < deadline) {
      await this.#heartbeatOnce(session, name);
      if (!this.#beat.released) await pause(releasePollMs);
    }
    this.#log(this.#beat.released ? `no proxy sends requests to ${name} any more` : `the proxies did not let go of ${name} in time`);
    await pause(graceMs);
    if (stay) return writeFileSync(this.#stoppedFile, "");
    await this.#plane.deregister(session, name);
    this.#start.identity.register(undefined);
  }

  #sessionText(): string {
    if (!this.#session) throw new Error("the agent is not connected");
    return this.#session.session;
  }

  /** There while the drain is ours, by a stop, and not somebody's wish. */
  get #stoppedFile(): string {
    return join(this.#options.folder, "stopped");
  }

  /** Resolves when the application is gone, or let go of; whoever asked on the socket still gets an answer before the agent ends. */
  async #end(ending: Ending, application: "stop" | "keep"): Promise<void> {
    clearTimeout(this.#timers.beat);
    clearTimeout(this.#timers.probe);
    this.#isLeaving = true;
    if (application === "keep") this.#application.release();
    else {
      await this.#tunnel?.close();
      await this.#application.stop();
    }
    void this.#closeSocket(application).then(() => this.#ended.resolve(ending));
  }

  /** Not waited for by whoever asked on the socket, which closes behind the answer. */
  async #closeSocket(application: "stop" | "keep"): Promise<void> {
    await this.#socket?.close();
    if (application === "keep") await this.#tunnel?.giveWay();
  }

  /** Registers where that is needed, and connects; again and again while the control plane is away. */
  async #join(): Promise<void> {
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
        this.#log(`${this.#options.mesh} cannot be reached; trying again in ${(waitMs / 1000).toFixed(1)} s`);
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
    this.#log(`registered ${registered.name} in ${registered.group} at ${at.join(", ")}${port}${way}`);
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
    this.#log(`connected as ${registered.name}, epoch ${session.epoch}`);
    this.#tunnel?.start(registered);
    if (existsSync(this.#stoppedFile)) {
      await this.#plane.change(session, registered.name, "undrain");
      rmSync(this.#stoppedFile);
    }
    this.#schedule(0);
    void this.#tellHealth(session, registered.name);
  }

  /** Says once what the mesh makes of the VM. */
  async #tellHealth(session: Session, name: string): Promise<void> {
    while (this.#session === session && !this.#isLeaving) {
      const instance = await this.#plane.instance(session, name).catch(() => undefined);
      if (this.#verdict.healthy !== false && instance?.["health"] === "HEALTHY")
        return this.#log(`${name} is healthy: the mesh may send it requests`);
      await pause(probeEveryMs);
    }
  }

  async #again(registered: Registered): Promise<Registered> {
    await pause(1000);
    if (this.#start.token === undefined) return registered;
    return this.#register().catch((failure: unknown) => {
      this.#log(sentence(failure));
      return registered;
    });
  }

  #schedule(afterMs: number): void {
    clearTimeout(this.#timers.beat);
    if (!this.#isLeaving) this.#timers.beat = setTimeout(() => void this.#heartbeat(), afterMs);
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
    const { healthy } = this.#verdict;
    const { cpuSeconds } = this.#application;
    const said = { ...(healthy === undefined ? {} : { healthy }), ...(cpuSeconds === undefined ? {} : { cpuSeconds }) };
    this.#beat = await this.#plane.heartbeat(session, name, { sequence: ++this.#sequence, ...said });
    this.#lastContact = new Date().toISOString();
  }

  /** The application goes on in every case but one: another agent has its identity. */
  #failed(failure: unknown, session: Session): void {
    if (this.#isLeaving) return;
    const status = failure instanceof ApiError ? failure.status : undefined;
    if (status === 409) return void this.#end({ status: 1, text: sentence(failure) }, "stop");
    if (status === 401 || status === 404) {
      this.#session = undefined;
      this.#log(sentence(failure));
      void this.#reconnect(status === 404 ? 1 : 0);
      return;
    }
    this.#schedule(heartbeatMs(session.heartbeatIntervalSec, systemRandom.float()));
  }

  async #reconnect(failures: number): Promise<void> {
    await pause(jitteredMs(failures, systemRandom.float()));
    if (this.#isLeaving) return;
    await this.#join().catch((failure: unknown) => {
      this.#log(sentence(failure));
      void this.#reconnect(failures + 1);
    });
  }

  /** Looks at the application, and again; a change of the verdict is told at once. */
  #probe(): void {
    const { place, healthPath } = this.#options;
    const [first] = place.networkInterfaces;
    const { port } = place;
    if (!first || port === undefined) return;
    const look = async (): Promise<void> => {
      const ok = await probeOnce({ host: first.networkIP, port, path: healthPath });
      const before = this.#verdict;
      this.#verdict = verdictAfter(before, ok);
      if (this.#verdict.healthy !== before.healthy && this.#session && !this.#isLeaving) {
        this.#log(`the application is ${this.#verdict.healthy === true ? "healthy" : "unhealthy"}`);
        this.#schedule(0);
      }
      if (!this.#isLeaving) this.#timers.probe = setTimeout(() => void look(), probeEveryMs);
    };
    void look();
  }

  async #serve({ command: given, program }: JsonObject): Promise<JsonObject> {
    const command = typeof given === "string" ? given : "";
    const session = this.#session;
    const { registered } = this.#start.identity;
    switch (command) {
      case "status":
        return this.#status();
      case "drain":
      case "undrain":
        if (!session || !registered) throw new Error("the agent is not connected");
        await this.#plane.change(session, registered.name, command);
        await this.#heartbeatOnce(session, registered.name);
        return this.#status();
      case "leave":
        await this.leave();
        return this.#status();
      case "upgrade":
        return { pid: startSuccessor(Array.isArray(program) ? program.map(String) : [], this.#options.folder) };
      case "handOver":
        return this.#handOver();
      default:
        throw new Error(`there is no command ${JSON.stringify(command)}`);
    }
  }

  /** From here on the one who asked is the agent: no heartbeat comes from this one any more. */
  #handOver(): JsonObject {
    const session = this.#session?.session;
    void this.#end({ status: 0, text: "handed over to the next agent" }, "keep");
    return session === undefined ? {} : { session };
  }

  #status(): JsonObject {
    const { registered } = this.#start.identity;
    const { healthy } = this.#verdict;
    return {
      pid: process.pid,
      mesh: this.#options.mesh,
      project: this.#options.project,
      ...(registered && { group: registered.group, name: registered.name }),
      connected: this.#session !== undefined,
      ...(this.#session && { epoch: this.#session.epoch }),
      ...(healthy === undefined ? {} : { healthy }),
      draining: this.#beat.isDraining,
      released: this.#beat.released,
      ...(this.#application.pid === undefined ? {} : { application: this.#application.pid }),
      ...(this.#lastContact === undefined ? {} : { lastContact: this.#lastContact }),
    };
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function sentence(failure: unknown): string {
  if (failure instanceof ApiError) return failure.faults.map(({ message }) => message).join(" ");
  return failure instanceof UserError ? failure.message : messageOf(failure);
}
