import type { Random } from "#base/random.ts";
import { type CallerSocket, Conversation } from "./conversation.ts";
import type { ResetCode } from "./frame.ts";
import { areSendable, endToEnd, type HeaderLine, type RequestHead, type ResponseHead } from "./head.ts";
import { failureAnswer, type TunnelFailure, tunnelFailureHeader } from "./fetch.ts";
import type { StreamListener, TunnelStream } from "./stream.ts";

/** One request through a tunnel, from the side of the mesh: a `Request` becomes frames, and frames become a `Response`. */

/** A pair whose two ends are joined; with a length, for exactly so many bytes. workerd's, or a test's. */
export type PassThrough = (length: number | undefined) => { readonly readable: ReadableStream; readonly writable: WritableStream };

/** A response that switches to a WebSocket, and the mesh's end of it. workerd's, or a test's. */
export type Switch = (protocol: string | undefined) => { readonly response: Response; readonly socket: CallerSocket };

export interface ExchangePorts {
  readonly random: Random;
  readonly passThrough: PassThrough;
  readonly switchToWebSocket: Switch;
}

/** Statuses whose responses have no body (Fetch standard, null body status). */
const bodiless: ReadonlySet<number> = new Set([204, 205, 304]);

/** Nothing was done by an instance that says so; all else may have been. */
const failures: Readonly<Record<ResetCode, TunnelFailure>> = {
  cancelled: "connection_terminated",
  refused: "connection_refused",
  unreachable: "connection_refused",
  broken: "connection_terminated",
};

/** The head of a request, whose URL's port is that of the application. */
function requestHeadOf({ method, url, headers }: Pick<Request, "method" | "url" | "headers">): RequestHead {
  const { pathname, search, port, protocol } = new URL(url);
  const lines: HeaderLine[] = [];
  // Host is the tunnel's own.
  headers.forEach((value, name) => {
    if (name !== "host") lines.push([name, value]);
  });
  const head = { method, path: pathname + search, port: Number(port) || (protocol === "https:" ? 443 : 80) };
  if (!isWebSocket(headers)) return { ...head, headers: endToEnd(lines) };
  return { ...head, headers: endToEnd(lines).filter(([name]) => !ofHandshake.has(name)), isWebSocket: true };
}

/** Of the handshake between two ends of a connection; the agent has its own with the application, without extensions. */
const ofHandshake: ReadonlySet<string> = new Set(["sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions"]);

function isWebSocket(headers: Headers): boolean {
  return headers.get("upgrade")?.toLowerCase() === "websocket";
}

export class Exchange implements StreamListener {
  readonly #stream: TunnelStream;
  readonly #ports: ExchangePorts;
  readonly #answer = Promise.withResolvers<ResponseHead | Response>();
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;
  #failure: Error | undefined;

  constructor(stream: TunnelStream, ports: ExchangePorts) {
    this.#stream = stream;
    this.#ports = ports;
    stream.listen(this);
  }

  /** Sends the request. Gives the answer, or one that says there is none; never rejects. */
  async run(request: Request): Promise<Response> {
    const { signal, body, method } = request;
    const head = requestHeadOf(request);
    if (!areSendable(head.headers)) {
      this.#cancel("the request's headers cannot pass a tunnel");
      return failureAnswer("connection_refused", "the request's headers cannot pass a tunnel");
    }
    this.#stream.sendRequest(head, body === null && !head.isWebSocket);
    if (body !== null) void this.#sendBody(body as ReadableStream<Uint8Array>);
    const cancel = (): void => this.#cancel("the caller went away");
    signal.addEventListener("abort", cancel, { once: true });
    if (signal.aborted) cancel();
    const answer = await this.#answer.promise;
    if (answer instanceof Response) return answer;
    try {
      if (answer.status === 101) {
        // From now on the caller's socket tells.
        signal.removeEventListener("abort", cancel);
        return this.#switch(head, answer);
      }
      return this.#respond(answer, method);
    } catch (thrown) {
      this.#cancel(String(thrown));
      return failureAnswer("connection_terminated", `the application's answer cannot be passed on: ${String(thrown)}`);
    }
  }

  head(head: ResponseHead): void {
    this.#answer.resolve(head);
  }

  readable(): void {
    if (this.#stream.isWhole) this.#stream.stopSending();
    this.#wakeReader?.();
  }

  drained(): void {
    this.#wakeWriter?.();
  }

  reset(code: ResetCode, reason: string): void {
    this.#failure = new Error(`${failures[code]}: ${reason}`);
    this.#answer.resolve(failureAnswer(failures[code], reason));
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }

  /** Says so to the agent, and ends what is under way here. */
  #cancel(reason: string): void {
    if (this.#stream.isOver) return;
    this.#stream.reset("cancelled", reason);
    this.reset("cancelled", reason);
  }

  async #sendBody(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = body.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (this.#stream.isOver) break;
        if (done) return this.#stream.end();
        this.#stream.write(value);
        while (this.#stream.isFull) await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
      }
      await reader.cancel();
    } catch {
      // A body that breaks off must not seem to be whole.
      this.#cancel("the request's body broke off");
    }
  }

  #respond({ status, headers: lines }: ResponseHead, method: string): Response {
    const headers = new Headers();
    for (const [name, value] of endToEnd(lines)) headers.append(name, value);
    headers.delete(tunnelFailureHeader);
    // What the application compressed stays as it is (workerd).
    const init = { status, headers, encodeBody: "manual" } as const;
    if (bodiless.has(status) || method === "HEAD") {
      this.#dropBody();
      return new Response(null, init);
    }
    // Most answers came whole in one message: they cost no stream.
    const whole = this.#wholeBody();
    if (whole) return new Response(whole, init);
    const { readable, writable } = this.#ports.passThrough(lengthOf(headers));
    void this.#deliver(writable.getWriter() as WritableStreamDefaultWriter<Uint8Array>);
    return new Response(readable, init);
  }

  #switch({ isWebSocket: isAsked }: RequestHead, { headers }: ResponseHead): Response {
    if (!isAsked) throw new Error("it switched protocols unasked");
    const protocol = headers.find(([name]) => name.toLowerCase() === "sec-websocket-protocol")?.[1];
    const { response, socket } = this.#ports.switchToWebSocket(protocol);
    new Conversation(this.#stream, socket, this.#ports.random);
    return response;
  }

  #dropBody(): void {
    while (this.#stream.read() !== undefined);
    if (!this.#stream.isOver) this.#stream.reset("cancelled", "there is no body to be sent");
  }

  #wholeBody(): Uint8Array<ArrayBuffer> | undefined {
    if (!this.#stream.isWhole) return undefined;
    const pieces: Uint8Array[] = [];
    for (let piece = this.#stream.read(); piece; piece = this.#stream.read()) pieces.push(piece);
    const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }

  /** Never rejects: whoever reads is told by the stream itself. */
  async #deliver(writer: WritableStreamDefaultWriter<Uint8Array>): Promise<void> {
    // A reader that leaves while nothing comes is noticed at once.
    writer.closed.catch(() => this.#cancel("the caller went away"));
    try {
      for (;;) {
        const bytes = this.#stream.read();
        if (bytes) await writer.write(bytes);
        else if (this.#failure) throw this.#failure;
        else if (this.#stream.isEnded) return await writer.close();
        else await new Promise<void>((resolve) => (this.#wakeReader = resolve));
      }
    } catch (thrown) {
      this.#cancel("the caller went away");
      await writer.abort(thrown).catch(() => undefined);
    }
  }
}

function lengthOf(headers: Headers): number | undefined {
  const text = headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
