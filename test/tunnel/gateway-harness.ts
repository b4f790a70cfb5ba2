/** The mesh's end of a tunnel over sockets that a test plays. */
import { seededRandom } from "#base/random.ts";
import type { CallerSocket } from "#tunnel/conversation.ts";
import { tunnelFailureHeader } from "#tunnel/fetch.ts";
import { Gateway, type TunnelSocket } from "#tunnel/gateway.ts";
import type { RequestHead, ResponseHead } from "#tunnel/head.ts";
import { Mux } from "#tunnel/mux.ts";
import type { TunnelStream } from "#tunnel/stream.ts";
import { Recorder } from "./pair.ts";

const url = "http://web-1.web.us-central1-a.tunnel:8080";

interface Asked {
  readonly head: RequestHead;
  readonly recorder: Recorder;
}

/** An agent on the other end of a socket. */
export class Agent implements TunnelSocket {
  readonly #gateway: Gateway;
  readonly mux: Mux;
  readonly asked: Asked[] = [];
  closed: { code: number; reason: string } | undefined;
  isBroken = false;

  constructor(gateway: Gateway, answer?: (stream: TunnelStream, head: RequestHead) => void) {
    this.#gateway = gateway;
    this.mux = new Mux({
      wake: () => queueMicrotask(() => this.#flush()),
      opened: (stream, head) => {
        this.asked.push({ head, recorder: new Recorder(stream) });
        answer?.(stream, head);
      },
    });
  }

  send(message: Uint8Array<ArrayBuffer>): void {
    if (this.isBroken) throw new Error("closed");
    const fault = this.mux.receive(message);
    if (fault) throw fault;
  }

  close(code: number, reason: string): void {
    this.closed = { code, reason };
  }

  #flush(): void {
    for (let message = this.mux.take(); message; message = this.mux.take()) this.#gateway.received(this, message.buffer);
  }
}

/** The mesh's end of a caller's WebSocket. */
export class Caller implements CallerSocket {
  readonly got: (string | ArrayBuffer)[] = [];
  closed: readonly [code: number | undefined, reason: string | undefined] | undefined;
  listener: Parameters<CallerSocket["listen"]>[0] | undefined;

  send(message: string | ArrayBuffer): void {
    this.got.push(message);
  }

  close(code?: number, reason?: string): void {
    this.closed = [code, reason];
  }

  listen(listener: Parameters<CallerSocket["listen"]>[0]): void {
    this.listener = listener;
  }
}

export class Harness {
  now = 1_000_000;
  readonly callers: Caller[] = [];
  readonly gateway = new Gateway({
    clock: { now: () => this.now },
    random: seededRandom(1),
    passThrough: () => new TransformStream(),
    switchToWebSocket: (protocol) => {
      this.callers.push(new Caller());
      return { response: new Response(null, { headers: { switched: protocol ?? "" } }), socket: this.callers.at(-1) as Caller };
    },
  });

  connect(answer?: (stream: TunnelStream, head: RequestHead) => void): Agent {
    const agent = new Agent(this.gateway, answer);
    const connectedAtMs = this.now;
    this.gateway.connected(agent, () => connectedAtMs);
    return agent;
  }

  fetch(path = "/", init?: RequestInit & { duplex?: "half" }): Promise<Response> {
    return this.gateway.fetch(new Request(url + path, init));
  }
}

/** Lets everything happen that waits for nothing. */
export const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

export const respond =
  (head: ResponseHead, body = ""): ((stream: TunnelStream) => void) =>
  (stream) => {
    stream.sendResponse(head, body === "");
    stream.write(new TextEncoder().encode(body));
    stream.end();
  };

export const failureOf = (response: Response): string | null => response.headers.get(tunnelFailureHeader);
