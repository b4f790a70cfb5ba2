import { createServer, type IncomingMessage, type Server, ServerResponse } from "node:http";
import { type AddressInfo, Server as NetServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { sendAnswer, sendRawAnswer } from "./answer.ts";
import { fieldsOf } from "./fields.ts";
import type { Exchange } from "./forward.ts";
import { headRefusal, type Refusal, type RequestHead } from "./request-head.ts";

/** An HTTP/1.1 server that takes nothing which could be read in two ways, bounds what a connection may cost, and counts. */

export interface ServerLimits {
  /** Header fields of a request; 431 for more. */
  readonly fields: number;
  /** Bytes of a request's head; 431 for more. */
  readonly headBytes: number;
  /** From the first byte of a connection, or of a further request, to the end of its head; then 408. */
  readonly headMs: number;
  /** How long a body may stand still. */
  readonly bodyIdleMs: number;
  /** How long a connection is kept without a request. */
  readonly keepAliveMs: number;
  /** Connections at a time; more are closed as they come. */
  readonly connections: number;
}

/** A socket that a process listens on, as Node hands it to another one (`subprocess.send`): whoever has it accepts from the same queue. */
export type ListeningSocket = object;

/** Where it listens: an address, port 0 for any free one; or the socket of the process before. */
export type ListenOn = { readonly address: string; readonly port: number } | { readonly socket: ListeningSocket };

/** How it ends. */
export interface Closing {
  /** Requests under way get so long at the most. Default 0. */
  readonly graceMs?: number;
  /**
   * For so long connections without a request are kept, and closed behind their next answer: a caller may be sending on one of them just now. A
   * caller whose requests go elsewhere already has no need of it. Default 0.
   */
  readonly lingerMs?: number;
}

/** Above those of the proxy, which adds fields of its own. */
const defaultServerLimits: ServerLimits = {
  fields: 200,
  headBytes: 128 * 1024,
  headMs: 10_000,
  bodyIdleMs: 60_000,
  keepAliveMs: 75_000,
  connections: 10_000,
};

/** How often something was, by its name. */
export type Counts = Readonly<Record<string, number>>;

/** A request that can be read in one way only. */
export interface Arrival {
  readonly head: RequestHead;
  readonly exchange: Exchange;
  /** Counts the refusal by its reason, answers, and closes the connection. */
  refuse(refusal: Refusal, id?: string): void;
  /** The same uncounted. */
  answer(refusal: Refusal, id?: string): void;
  /** Closes the connection without an answer. */
  cut(): void;
}

export interface StrictServerOptions {
  readonly limits: Partial<ServerLimits>;
  /** What was counted before. */
  readonly counts?: Counts | undefined;
  readonly serve: (arrival: Arrival) => void;
  /** Takes CONNECT requests; absent: they are refused. */
  readonly tunnel?: (arrival: Arrival, socket: Duplex, first: Buffer) => void;
}

export class StrictServer {
  readonly #options: StrictServerOptions;
  readonly #limits: ServerLimits;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** The responses under way on a connection: several where requests do not wait for answers. */
  readonly #underWay = new WeakMap<Duplex, Set<ServerResponse>>();
  readonly #counts: Map<string, number>;
  #isClosing = false;
  #hasLingered = false;

  constructor(options: StrictServerOptions) {
    this.#options = options;
    this.#limits = { ...defaultServerLimits, ...options.limits };
    this.#counts = new Map(Object.entries(options.counts ?? {}));
    const { connections, headBytes, headMs, keepAliveMs } = this.#limits;
    this.#server = createServer({
      insecureHTTPParser: false,
      // It is missed in `headRefusal`, where it is counted.
      requireHostHeader: false,
      maxHeaderSize: headBytes,
      headersTimeout: headMs,
      // Bodies may take as long as they like as long as they move.
      requestTimeout: 0,
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval: Math.min(headMs, 1_000),
    });
    this.#server.maxConnections = connections;
    // Node would leave out, unsaid, what is above its own limit.
    this.#server.maxHeadersCount = 0;
    this.#listenToServer();
  }

  /** Port that it listens on. Rejects when the address is not to be had. */
  async listen(on: ListenOn): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      if ("socket" in on) this.#server.listen(on.socket, resolve);
      else this.#server.listen({ host: on.address, port: on.port, exclusive: true }, resolve);
    });
    this.#server.on("error", () => undefined);
    return (this.#server.address() as AddressInfo).port;
  }

  /** The socket that it listens on, for the next process. The bare handle: a `Server` would begin to accept there before anybody serves. */
  get socket(): ListeningSocket | undefined {
    return (this.#server as { _handle?: object })._handle;
  }

  /** Serves the requests of a connection that came in another way. */
  take(socket: Duplex): void {
    this.#server.emit("connection", socket);
  }

  count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  /** Everything that was counted, by its name. */
  counts(): Counts {
    return Object.fromEntries(this.#counts);
  }

  /** Takes no more connections, waits for what is under way, and cuts what is left. */
  close({ graceMs = 0, lingerMs = 0 }: Closing = {}): Promise<void> {
    this.#isClosing = true;
    return new Promise((resolve) => {
      const cut = (): void => this.#sockets.forEach((socket) => socket.destroy());
      const timer = setTimeout(cut, graceMs);
      const letGo = (): void => {
        this.#hasLingered = true;
        this.#server.closeIdleConnections();
      };
      const lingering = setTimeout(letGo, lingerMs);
      // Not by the method of `http.Server`, which cuts idle connections at once, a request on its way or not.
      NetServer.prototype.close.call(this.#server, () => {
        clearTimeout(timer);
        clearTimeout(lingering);
        // Connections that switched protocols are none of the server's any more.
        cut();
        resolve();
      });
      if (lingerMs === 0) letGo();
    });
  }

  #listenToServer(): void {
    const server = this.#server;
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    server.on("drop", () => this.count("connections"));
    server.on("request", (incoming, outgoing) => this.#onRequest(incoming, outgoing));
    server.on("checkContinue", (incoming: IncomingMessage, outgoing: ServerResponse) => this.#onRequest(incoming, outgoing, true));
    server.on("checkExpectation", (incoming: IncomingMessage, outgoing: ServerResponse) => {
      const text = "the only expectation is 100-continue";
      this.#arrival(incoming, outgoing).refuse({ status: 417, reason: "expectation", text });
    });
    server.on("upgrade", (incoming, socket, first) => this.#onSwitch(incoming, socket, first));
    server.on("connect", (incoming, socket, first) => this.#onConnect(incoming, socket, first));
    server.on("clientError", (error: Error & { code?: string }, socket) => this.#onUnreadable(error.code ?? "", socket));
  }

  #onRequest(incoming: IncomingMessage, outgoing: ServerResponse, awaitsContinue = false): void {
    const underWay = this.#underWay.get(incoming.socket) ?? new Set();
    this.#underWay.set(incoming.socket, underWay.add(outgoing));
    if (this.#isClosing) outgoing.shouldKeepAlive = false;
    // Its connection is idle a moment later.
    outgoing.once("close", () => {
      underWay.delete(outgoing);
      setImmediate(() => this.#hasLingered && this.#server.closeIdleConnections());
    });
    const arrival = this.#arrival(incoming, outgoing);
    const refusal = headRefusal(arrival.head, this.#limits.fields);
    if (refusal) return arrival.refuse(refusal);
    this.#options.serve(arrival);
    if (awaitsContinue && !outgoing.headersSent) outgoing.writeContinue();
  }

  #onSwitch(incoming: IncomingMessage, socket: Duplex, first: Buffer): void {
    socket.on("error", () => undefined);
    const arrival = this.#arrival(incoming, responseOn(incoming, socket), socket);
    const refusal = headRefusal(arrival.head, this.#limits.fields);
    if (refusal) return arrival.refuse(refusal);
    if (first.length > 0) socket.unshift(first);
    this.#options.serve(arrival);
  }

  #onConnect(incoming: IncomingMessage, socket: Duplex, first: Buffer): void {
    socket.on("error", () => undefined);
    const arrival = this.#arrival(incoming, responseOn(incoming, socket), socket);
    const { tunnel } = this.#options;
    if (tunnel) return tunnel(arrival, socket, first);
    const refusal = headRefusal(arrival.head, this.#limits.fields);
    if (refusal) arrival.refuse(refusal);
  }

  #arrival(incoming: IncomingMessage, outgoing: ServerResponse, socket?: Duplex): Arrival {
    const head: RequestHead = {
      method: incoming.method ?? "",
      target: incoming.url ?? "",
      version: incoming.httpVersion,
      fields: fieldsOf(incoming.rawHeaders),
    };
    const answer = (refusal: Refusal, id?: string): void => sendAnswer(outgoing, { ...refusal, ...(id !== undefined && { id }) });
    return {
      head,
      exchange: { head, incoming, outgoing, ...(socket && { socket }), bodyIdleMs: this.#limits.bodyIdleMs },
      refuse: (refusal, id) => {
        this.count(refusal.reason);
        answer(refusal, id);
      },
      answer,
      cut: () => void (socket ?? incoming.socket).destroy(),
    };
  }

  /** Bytes that are no request, or not in time. */
  #onUnreadable(code: string, socket: Duplex): void {
    // In the middle of an answer there is no place for another.
    const isAnswering = [...(this.#underWay.get(socket) ?? [])].some(({ headersSent }) => headersSent);
    if (isAnswering || code === "ECONNRESET" || code === "EPIPE") return void socket.destroy();
    const refusal = unreadable(code);
    this.count(refusal.reason);
    sendRawAnswer(socket, refusal);
  }
}

function unreadable(code: string): Refusal {
  if (code === "HPE_HEADER_OVERFLOW") return { status: 431, reason: "headers_too_large", text: "the request's head is too large" };
  if (code === "ERR_HTTP_REQUEST_TIMEOUT")
    return { status: 408, reason: "request_timeout", text: "the request's head did not come in time" };
  return { status: 400, reason: "unreadable", text: `this is no HTTP request that can be read in one way only (${code})` };
}

/** A response for a connection that Node has handed over whole. It ends with it. */
function responseOn(incoming: IncomingMessage, socket: Duplex): ServerResponse {
  const outgoing = new ServerResponse(incoming);
  outgoing.shouldKeepAlive = false;
  outgoing.assignSocket(socket as Socket);
  // Nothing but this bounds a connection that is handed over: it must not be left to a caller who never closes.
  outgoing.once("finish", () => (socket as Socket).destroySoon());
  return outgoing;
}
