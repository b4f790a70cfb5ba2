import {
  type Agent,
  type ClientRequest,
  type IncomingMessage,
  request as requestHttp,
  type RequestOptions,
  type ServerResponse,
} from "node:http";
import { request as requestHttps } from "node:https";
import type { LookupFunction } from "node:net";
import { type Duplex, pipeline } from "node:stream";
import { endToEnd, type Field, fieldsOf, flat } from "./fields.ts";
import { hasBody, isChunked, type RequestHead } from "./request-head.ts";

/** One request sent on, its answer passed back: both bodies as they come, each side's end told to the other. */

/** Where it goes. */
export interface Upstream {
  readonly host: string;
  readonly port: number;
  readonly isTls?: boolean;
  readonly agent: Agent;
  readonly lookup?: LookupFunction;
  /** How long a connection may take to come up. */
  readonly connectTimeoutMs: number;
}

/** A request that came in. Of one that switches protocols, `socket` is its connection, and `outgoing` stands for what is answered otherwise. */
export interface Exchange {
  readonly head: RequestHead;
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly socket?: Duplex;
  /** How long a body may stand still while it is waited for; it is noticed after twice that at the latest. */
  readonly bodyIdleMs: number;
}

export interface Onward {
  /** Path and query. */
  readonly target: string;
  /** All fields, `Host` among them, but those of the connection and of the body's framing. */
  readonly fields: readonly Field[];
}

export interface Outcome {
  /** No answer came: nothing has been sent back, and this must see to it. */
  failed(error: Error): void;
  /** All is over. `isWhole`: the answer went through to its end. Called once, also after `failed`. */
  over(status: number, isWhole: boolean): void;
}

/** Sends the request on. Whatever happens, `outcome.over` is called in the end. */
export function forward(exchange: Exchange, to: { readonly onward: Onward; readonly upstream: Upstream }, outcome: Outcome): void {
  new Forwarding(exchange, to, outcome).start();
}

class Forwarding {
  readonly #exchange: Exchange;
  readonly #to: { readonly onward: Onward; readonly upstream: Upstream };
  readonly #outcome: Outcome;
  #sending: ClientRequest | undefined;
  #isAnswered = false;
  #isSwitched = false;

  constructor(exchange: Exchange, to: { readonly onward: Onward; readonly upstream: Upstream }, outcome: Outcome) {
    this.#exchange = exchange;
    this.#to = to;
    this.#outcome = outcome;
  }

  start(): void {
    const { incoming, outgoing, socket } = this.#exchange;
    outgoing.once("close", () => {
      // A switched connection goes on without its response object.
      if (this.#isSwitched) return;
      if (!outgoing.writableFinished) this.#sending?.destroy();
      this.#outcome.over(outgoing.statusCode, outgoing.writableFinished);
    });
    incoming.once("close", () => {
      if (!incoming.complete) this.#sending?.destroy();
    });
    incoming.on("error", () => this.#sending?.destroy());
    socket?.on("error", () => this.#sending?.destroy());
    this.#send(true);
  }

  /** `mayRepeat`: a kept connection that turns out to be closed is made up for, where nothing of a body has been sent. */
  #send(mayRepeat: boolean): void {
    const { head, incoming } = this.#exchange;
    const { upstream } = this.#to;
    const sending = (upstream.isTls ? requestHttps : requestHttp)(this.#options());
    this.#sending = sending;
    boundConnecting(sending, upstream.connectTimeoutMs);
    sending.once("response", (answer) => this.#pass(answer));
    sending.once("upgrade", (answer, socket, first) => this.#join(answer, socket, first));
    sending.on("error", (error) => {
      if (this.#isAnswered) return;
      if (mayRepeat && sending.reusedSocket && !hasBody(head) && !this.#isGone) return this.#send(false);
      this.#isAnswered = true;
      this.#outcome.failed(error);
    });
    if (!hasBody(head)) return void sending.end();
    incoming.pipe(sending);
    this.#boundBody(sending);
  }

  get #isGone(): boolean {
    const { outgoing, socket } = this.#exchange;
    return outgoing.destroyed || socket?.destroyed === true || outgoing.socket?.destroyed === true;
  }

  #options(): RequestOptions {
    const { head, socket } = this.#exchange;
    const { onward, upstream } = this.#to;
    const { agent, host, lookup, port } = upstream;
    const fields = [...onward.fields, ...framing(head, socket !== undefined)];
    const name = onward.fields.find(([each]) => each.toLowerCase() === "host")?.[1] ?? host;
    return {
      host,
      port,
      agent,
      method: head.method,
      path: onward.target,
      headers: flat(fields),
      setHost: false,
      ...(upstream.isTls && { servername: /^[\d.]+$|:/.test(host) ? name.replace(/:\d+$/, "") : host }),
      ...(lookup && { lookup }),
    };
  }

  /** A caller that stops in the middle of its body holds the instance no longer than that. */
  #boundBody(sending: ClientRequest): void {
    const { bodyIdleMs, incoming } = this.#exchange;
    let moved = true;
    const timer = setInterval(() => {
      if (incoming.complete) clearInterval(timer);
      // While the other side does not take more, it is not the caller who is late.
      else if (moved || sending.writableNeedDrain) moved = false;
      else {
        clearInterval(timer);
        sending.destroy(new BodyIdleError(bodyIdleMs));
        if (this.#isAnswered) this.#exchange.outgoing.destroy();
      }
    }, bodyIdleMs);
    incoming.on("data", () => (moved = true));
    incoming.once("close", () => clearInterval(timer));
  }

  #pass(answer: IncomingMessage): void {
    this.#isAnswered = true;
    const { outgoing } = this.#exchange;
    try {
      outgoing.writeHead(answer.statusCode ?? 502, flat(endToEnd(fieldsOf(answer.rawHeaders))));
      outgoing.flushHeaders();
    } catch {
      // Node reads more than it writes.
      answer.destroy();
      return void outgoing.destroy();
    }
    // When one of them breaks off, so does the other.
    pipeline(answer, outgoing, () => undefined);
  }

  /** The other side has switched protocols: from here on there are bytes, both ways. */
  #join(answer: IncomingMessage, there: Duplex, first: Buffer): void {
    this.#isAnswered = true;
    const { outgoing, socket } = this.#exchange;
    if (!socket) return void there.destroy();
    if (socket.destroyed) {
      there.destroy();
      return this.#outcome.over(101, false);
    }
    this.#isSwitched = true;
    outgoing.detachSocket(socket as Parameters<ServerResponse["detachSocket"]>[0]);
    const fields = [...endToEnd(fieldsOf(answer.rawHeaders)), ...switching];
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`, "latin1");
    if (first.length > 0) socket.write(first);
    joinSockets(socket, there, (isWhole) => this.#outcome.over(101, isWhole));
  }
}

/** A caller did not go on with its body. */
export class BodyIdleError extends Error {
  constructor(milliseconds: number) {
    super(`the request's body stood still for ${milliseconds} ms`);
    this.name = "BodyIdleError";
  }
}

const switching: readonly Field[] = [
  ["Connection", "Upgrade"],
  ["Upgrade", "websocket"],
];

/** Methods that Node sends without a body unless told otherwise; for all others it would make up a chunked one. */
const bodiless: ReadonlySet<string> = new Set(["GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT"]);

/** What says where the body ends; a length passes as the field that it is. */
function framing(head: RequestHead, switches: boolean): readonly Field[] {
  if (switches) return switching;
  if (isChunked(head)) return [["Transfer-Encoding", "chunked"]];
  const hasLength = head.fields.some(([name]) => name.toLowerCase() === "content-length");
  return hasLength || bodiless.has(head.method) ? [] : [["Content-Length", "0"]];
}

function boundConnecting(sending: ClientRequest, milliseconds: number): void {
  sending.once("socket", (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(() => sending.destroy(new Error(`no connection within ${milliseconds} ms`)), milliseconds);
    const stop = (): void => clearTimeout(timer);
    socket.once("connect", stop).once("close", stop);
  });
}

/** Carries bytes between two connections until both have ended, or one breaks. `over` is told whether both ended. */
export function joinSockets(here: Duplex, there: Duplex, over: (isWhole: boolean) => void): void {
  let left = 2;
  let isWhole = true;
  const ended = (error?: Error | null): void => {
    if (error) {
      isWhole = false;
      here.destroy();
      there.destroy();
    }
    if (--left === 0) over(isWhole);
  };
  pipeline(here, there, ended);
  pipeline(there, here, ended);
}
