/** An agent: one VM's part in the mesh, from its registration to its end. */
import type { JsonObject } from "#base/json.ts";
import { Application } from "./application.ts";
import { listenAt } from "./control-socket.ts";
import { Listeners, type Inheritance } from "./listeners.ts";
import { Membership, sentence, type MembershipStart } from "./membership.ts";
import { OwnTunnel } from "./own-tunnel.ts";
import { ApplicationProbe } from "./probe.ts";
import type { AgentOptions } from "./options.ts";
import { startSuccessor } from "./succession.ts";

export interface AgentStart extends MembershipStart {
  /** What the listeners of the agent before have left. */
  readonly inherited?: Inheritance;
}

/** How an agent ends: with which status, and with what to say. */
export interface Ending {
  readonly status: 0 | 1;
  readonly text: string;
}

export class Agent {
  readonly #options: AgentOptions;
  readonly #inherited: Inheritance;
  readonly #log: (line: string) => void;
  readonly #membership: Membership;
  readonly #application: Application;
  readonly #probe: ApplicationProbe;
  /** Absent where the mesh connects to the VM. */
  readonly #tunnel: OwnTunnel | undefined;
  readonly #ended = Promise.withResolvers<Ending>();
  #listeners: Listeners | undefined;
  #socket: { close(): Promise<void> } | undefined;
  #isLeaving = false;

  constructor(options: AgentOptions, { inherited = {}, ...start }: AgentStart, log: (line: string) => void) {
    this.#options = options;
    this.#inherited = inherited;
    this.#log = log;
    const { app, command, folder, healthPath } = options;
    this.#probe = new ApplicationProbe(app && { ...app, path: healthPath }, (isHealthy) => this.#healthChanged(isHealthy));
    this.#application = new Application({ folder, command, environment: app === undefined ? {} : { PORT: String(app.port) }, log });
    this.#membership = new Membership(options, start, {
      said: () => {
        const { healthy } = this.#probe;
        const { cpuSeconds } = this.#application;
        return { ...(healthy === undefined ? {} : { healthy }), ...(cpuSeconds === undefined ? {} : { cpuSeconds }) };
      },
      connected: (registered) => {
        this.#tunnel?.start(registered);
        void this.#listeners?.learnNames();
      },
      superseded: (text) => void this.#end({ status: 1, text }, "stop"),
      log,
    });
    this.#tunnel = options.isTunneled ? new OwnTunnel(options.place, () => this.#membership.session, log) : undefined;
  }

  /** Does all of it; resolves when the agent is to end. Throws `UserError` when it cannot begin. */
  async run(): Promise<Ending> {
    this.#socket = await listenAt(this.#options.folder, (request) => this.#serve(request));
    this.#listeners = await this.#listen();
    this.#application.start();
    this.#probe.start();
    void this.#membership.join().catch((failure: unknown) => this.#end({ status: 1, text: sentence(failure) }, "stop"));
    return this.#ended.promise;
  }

  async #listen(): Promise<Listeners> {
    const { folder, listeners: options = {} } = this.#options;
    try {
      const started = await Listeners.start({
        options,
        folder,
        services: () => this.#membership.services(),
        inherited: this.#inherited,
        log: this.#log,
      });
      for (const [name, where] of Object.entries(started.describe())) this.#log(`${name} listener at ${where}`);
      return started;
    } catch (failure) {
      await this.#socket?.close();
      throw failure;
    }
  }

  /** Out of traffic, deregistered, application stopped; in this order. Idempotent. */
  async leave({ stay = false }: { readonly stay?: boolean } = {}): Promise<void> {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    await this.#end({ status: 0, text: await this.#membership.leave(stay) }, "stop");
  }

  /** Resolves when the application is gone, or let go of; whoever asked on the socket still gets an answer before the agent ends. */
  async #end(ending: Ending, application: "stop" | "keep"): Promise<void> {
    this.#isLeaving = true;
    this.#membership.stop();
    this.#probe.stop();
    if (application === "keep") this.#application.release();
    else {
      await Promise.all([this.#tunnel?.close(), this.#listeners?.close()]);
      await this.#application.stop();
    }
    void this.#closeSocket(application).then(() => this.#ended.resolve(ending));
  }

  /** Not waited for by whoever asked on the socket, which closes behind the answer. */
  async #closeSocket(application: "stop" | "keep"): Promise<void> {
    const socketClosed = this.#socket?.close();
    if (application === "keep") await Promise.all([this.#tunnel?.giveWay(), this.#listeners?.giveWay()]);
    await socketClosed;
  }

  /** Told at once. */
  #healthChanged(isHealthy: boolean): void {
    if (this.#membership.session === undefined || this.#isLeaving) return;
    this.#log(`the application is ${isHealthy ? "healthy" : "unhealthy"}`);
    this.#membership.tell();
  }

  async #serve({ command: given, program }: JsonObject): Promise<JsonObject> {
    const command = typeof given === "string" ? given : "";
    switch (command) {
      case "status":
        return this.#status();
      case "drain":
      case "undrain":
        await this.#membership.change(command);
        return this.#status();
      case "leave":
        await this.leave();
        return this.#status();
      case "upgrade":
        return {
          pid: startSuccessor(Array.isArray(program) ? program.map(String) : [], this.#options.folder, this.#listeners?.sockets ?? {}),
        };
      case "handOver":
        return this.#handOver();
      default:
        throw new Error(`there is no command ${JSON.stringify(command)}`);
    }
  }

  /** From here on the one who asked is the agent: no heartbeat comes from this one any more. */
  #handOver(): JsonObject {
    const { session } = this.#membership;
    const counts = { ...this.#listeners?.counts() };
    void this.#end({ status: 0, text: "handed over to the next agent" }, "keep");
    return { ...(session !== undefined && { session }), counts };
  }

  #status(): JsonObject {
    const { healthy } = this.#probe;
    const { lastContact, ...membership } = this.#membership.status();
    const counts = { ...this.#listeners?.counts() };
    return {
      pid: process.pid,
      mesh: this.#options.mesh,
      project: this.#options.project,
      ...membership,
      ...(healthy === undefined ? {} : { healthy }),
      ...(this.#application.pid === undefined ? {} : { application: this.#application.pid }),
      ...this.#listeners?.describe(),
      ...(Object.keys(counts).length > 0 && { requests: counts }),
      ...(lastContact === undefined ? {} : { lastContact }),
    };
  }
}
