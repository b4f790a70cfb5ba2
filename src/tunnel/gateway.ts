import type { Clock } from "#base/clock.ts";
import { Exchange, type ExchangePorts } from "./exchange.ts";
import { closeCodes, ownCloseCodes } from "./fault.ts";
import { failureAnswer } from "./fetch.ts";
import { Mux } from "./mux.ts";
import { pingIntervalMs } from "./protocol.ts";

/** The mesh's side of one instance's tunnel: the agent's connections, and the requests that go through the newest of them. */

/** A WebSocket, as far as the gateway uses one. Both may throw when it is closed. */
export interface TunnelSocket {
  send(message: Uint8Array<ArrayBuffer>): void;
  close(code: number, reason: string): void;
}

export interface GatewayPorts extends ExchangePorts {
  readonly clock: Clock;
}

/** An agent that missed three pings is gone, whatever its connection says. */
const silenceMs = 3 * pingIntervalMs;

interface Connection {
  readonly socket: TunnelSocket;
  readonly mux: Mux;
  /** When the agent was last heard of beside its messages, ms since the epoch. */
  readonly heardAtMs: () => number;
  lastMessageAtMs: number;
  isFlushing: boolean;
  /** A newer one has taken over. */
  isReplaced: boolean;
}

export class Gateway {
  readonly #ports: GatewayPorts;
  readonly #connections = new Map<TunnelSocket, Connection>();
  /** Takes the requests; the others finish what they have. */
  #current: Connection | undefined;

  constructor(ports: GatewayPorts) {
    this.#ports = ports;
  }

  /**
   * An agent has connected: it takes over, and who was there before finishes what it has and is closed. `heardAtMs`: when the agent was last
   * heard of beside its messages.
   */
  connected(socket: TunnelSocket, heardAtMs: () => number): void {
    const { random } = this.#ports;
    const mux: Mux = new Mux(
      {
        wake: () => this.#flushSoon(connection),
        goingAway: () => this.#leaves(connection),
        idle: () => this.#flushSoon(connection),
      },
      Math.floor(random.float() * 0xffff_ffff),
    );
    const connection: Connection = { socket, mux, heardAtMs, lastMessageAtMs: 0, isFlushing: false, isReplaced: false };
    const before = this.#current;
    this.#connections.set(socket, connection);
    this.#current = connection;
    if (!before) return;
    before.isReplaced = true;
    before.mux.goAway();
  }

  /** A message of an agent. Texts are none: pings are answered by the platform. */
  received(socket: TunnelSocket, message: ArrayBuffer | string): void {
    const connection = this.#connections.get(socket);
    if (!connection) return;
    if (typeof message === "string") return this.#end(connection, { code: closeCodes.unsupported, reason: "a message is text" });
    connection.lastMessageAtMs = this.#ports.clock.now();
    const fault = connection.mux.receive(new Uint8Array(message));
    if (fault) this.#end(connection, { code: fault.code, reason: fault.message });
  }

  /** The connection is gone; its requests fail at once. */
  closed(socket: TunnelSocket): void {
    const connection = this.#connections.get(socket);
    if (connection) this.#drop(connection, "the tunnel was lost");
  }

  /** Sends a request through the tunnel. Never rejects and never waits for an agent to come: an answer of `failureAnswer` says that there is none. */
  async fetch(request: Request): Promise<Response> {
    const connection = this.#current;
    if (!connection) return failureAnswer("connection_refused", "the instance has no tunnel");
    if (this.#isSilent(connection)) {
      this.#end(connection, { code: closeCodes.protocol, reason: "no ping came in time" });
      return failureAnswer("connection_refused", "the instance's tunnel is silent");
    }
    if (!connection.mux.canOpen) return failureAnswer("connection_refused", "the instance's tunnel takes no more requests");
    return new Exchange(connection.mux.open(), this.#ports).run(request);
  }

  #leaves(connection: Connection): void {
    if (this.#current === connection) this.#current = undefined;
  }

  #isSilent({ heardAtMs, lastMessageAtMs }: Connection): boolean {
    return this.#ports.clock.now() - Math.max(heardAtMs(), lastMessageAtMs) > silenceMs;
  }

  #end(connection: Connection, { code, reason }: { readonly code: number; readonly reason: string }): void {
    this.#drop(connection, reason);
    try {
      connection.socket.close(code, reason);
    } catch {
      // It is closed.
    }
  }

  #drop(connection: Connection, reason: string): void {
    this.#connections.delete(connection.socket);
    this.#leaves(connection);
    connection.mux.fail(reason);
  }

  #flushSoon(connection: Connection): void {
    if (connection.isFlushing) return;
    connection.isFlushing = true;
    queueMicrotask(() => this.#flush(connection));
  }

  #flush(connection: Connection): void {
    const { mux, socket } = connection;
    connection.isFlushing = false;
    if (!this.#connections.has(socket)) return;
    try {
      for (let message = mux.take(); message; message = mux.take()) socket.send(message);
    } catch {
      // Its close event comes, or has come; requests do not wait for it.
      return this.#drop(connection, "the tunnel was lost");
    }
    if (!connection.isReplaced || mux.size > 0) return;
    this.#end(connection, { code: ownCloseCodes.replaced, reason: "a newer connection of this instance has taken over" });
  }
}
