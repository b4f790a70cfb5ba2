/** One connection of an agent to the mesh: a WebSocket, its mux, and the pings that tell whether it is alive. */
import type { Agent } from "node:http";
import { Mux } from "#tunnel/mux.ts";
import { keepAlive, pingIntervalMs, protocol } from "#tunnel/protocol.ts";
import { type Application, serveStream } from "./serve-stream.ts";

/** A WebSocket whose buffer holds more than this gets nothing more for now, so that what is small does not wait behind what is large. */
const fullBytes = 256 * 1024;
/** How soon its buffer is looked at again: WebSocket tells nobody when it has room. */
const roomCheckMs = 4;
const pongTimeoutMs = 10_000;
const openTimeoutMs = 10_000;

export interface ConnectionOptions {
  readonly url: string;
  readonly bearer: string;
  readonly application: Application;
  /** Keeps the connections to the application. */
  readonly agent: Agent;
  readonly onOpen: () => void;
  /** It is over, whether it ever stood or not; `code` is WebSocket's. Called once. */
  readonly onClose: (code: number, reason: string) => void;
}

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #socket: WebSocket;
  readonly #mux: Mux;
  readonly #timers: { ping?: NodeJS.Timeout; pong?: NodeJS.Timeout; room?: NodeJS.Timeout } = {};
  #isFlushing = false;
  #isOver = false;
  #whenIdle: (() => void) | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const { url, bearer, application, agent } = options;
    this.#socket = new WebSocket(url, { protocols: [protocol], headers: { authorization: `Bearer ${bearer}` } });
    this.#socket.binaryType = "arraybuffer";
    this.#mux = new Mux({
      wake: () => this.#flushSoon(),
      opened: (stream, head) => serveStream(stream, head, { application, agent }),
      idle: () => this.#flushSoon(),
    });
    this.#timers.pong = setTimeout(() => this.#over(1006, "no answer in time"), openTimeoutMs);
    this.#socket.addEventListener("open", () => this.#opened());
    this.#socket.addEventListener("message", ({ data }) => this.#received(data as ArrayBuffer | string));
    this.#socket.addEventListener("close", ({ code, reason }) => this.#over(code, reason));
    // A close event follows, which says no more than this.
    this.#socket.addEventListener("error", () => this.#over(1006, "no connection"));
  }

  /** Takes no more requests, finishes those that there are, for at most so long, and closes. */
  async close(graceMs: number): Promise<void> {
    if (this.#isOver) return;
    this.#mux.goAway();
    if (this.#mux.size > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
        setTimeout(resolve, graceMs).unref();
      });
    }
    this.#flush();
    this.#over(1000, "the agent has left");
  }

  #opened(): void {
    clearTimeout(this.#timers.pong);
    this.#options.onOpen();
    this.#timers.ping = setInterval(() => this.#ping(), pingIntervalMs);
    this.#flushSoon();
  }

  #received(data: ArrayBuffer | string): void {
    if (this.#isOver) return;
    if (typeof data === "string") return clearTimeout(this.#timers.pong);
    const fault = this.#mux.receive(new Uint8Array(data));
    if (fault) this.#over(3000, fault.message);
  }

  #ping(): void {
    this.#socket.send(keepAlive.ping);
    clearTimeout(this.#timers.pong);
    this.#timers.pong = setTimeout(() => this.#over(1006, "no pong came in time"), pongTimeoutMs);
  }

  /** After the I/O of this turn, so that what comes together goes together. */
  #flushSoon(): void {
    if (this.#isFlushing || this.#socket.readyState !== WebSocket.OPEN) return;
    this.#isFlushing = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#isFlushing = false;
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    while (this.#socket.bufferedAmount < fullBytes) {
      const message = this.#mux.take();
      if (!message) {
        if (this.#mux.size === 0) this.#whenIdle?.();
        return;
      }
      this.#socket.send(message);
    }
    this.#isFlushing = true;
    this.#timers.room = setTimeout(() => this.#flush(), roomCheckMs);
  }

  #over(code: number, reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#mux.fail("the tunnel was lost");
    this.#whenIdle?.();
    // Codes below 3000, but for 1000, are not the application's to send.
    if (code === 1000 || code >= 3000) this.#socket.close(code, reason.slice(0, 120));
    else this.#socket.close();
    this.#options.onClose(code, reason);
  }
}
