/** The agent's side of one request: frames become a request of the application on this machine, and its answer becomes frames. */
import { type Agent, type ClientRequest, type IncomingMessage, request, type RequestOptions } from "node:http";
import type { Duplex } from "node:stream";
import { messageOf } from "#base/errors.ts";
import { systemRandom } from "#base/random.ts";
import { areSendable, endToEnd, type HeaderLine, type RequestHead } from "#tunnel/head.ts";
import type { StreamListener, TunnelStream } from "#tunnel/stream.ts";

/** The application that requests are handed to. */
export interface Application {
  /** An address of this machine. */
  readonly host: string;
  /** Those that the mesh may ask for; all others are none of its business. */
  readonly ports: readonly number[];
}

const closeTimeoutMs = 5_000;

/** Serves one stream. All that goes wrong is told to the mesh by a reset. */
export function serveStream(
  stream: TunnelStream,
  head: RequestHead,
  { application, agent }: { application: Application; agent: Agent },
): void {
  const { host, ports } = application;
  if (!ports.includes(head.port)) return stream.reset("refused", `port ${head.port} is not served by this agent`);
  const { method, path, port } = head;
  try {
    const serving = new Serving(stream, { agent, host, port, method, path, headers: requestHeaders(head), setHost: false });
    if (head.isWebSocket) serving.takeUpgrade();
  } catch (thrown) {
    // Node does not send everything; nothing was sent then.
    stream.reset("refused", `the request cannot be sent: ${messageOf(thrown)}`);
  }
}

/** The caller's own Host is given back to the application: unlike `fetch`, an agent can set it. */
function requestHeaders({ headers, port, isWebSocket }: RequestHead): string[] {
  const forwarded = headers.find(([name]) => name.toLowerCase() === "x-forwarded-host")?.[1];
  const lines = endToEnd(headers).filter(([name]) => name.toLowerCase() !== "host");
  const handshake = isWebSocket
    ? ["connection", "Upgrade", "upgrade", "websocket", "sec-websocket-version", "13", "sec-websocket-key", newKey()]
    : [];
  return ["host", forwarded ?? `localhost:${port}`, ...handshake, ...lines.flat()].map(bytesOf);
}

function newKey(): string {
  return Buffer.from(systemRandom.bytes(16)).toString("base64");
}

/** Node writes and reads headers as one character a byte. */
function bytesOf(text: string): string {
  return isAscii(text) ? text : Buffer.from(text).toString("latin1");
}

/** What is no UTF-8 is taken for Latin-1, which some applications still write. */
function textOf(bytes: string): string {
  if (isAscii(bytes)) return bytes;
  const text = Buffer.from(bytes, "latin1").toString();
  return text.includes("\ufffd") ? bytes : text;
}

function isAscii(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

/** Names and values, which Node gives in turn. */
function linesOf(rawHeaders: readonly string[]): HeaderLine[] {
  return rawHeaders.flatMap((name, at): HeaderLine[] => (at % 2 === 0 ? [[name, textOf(rawHeaders[at + 1] ?? "")]] : []));
}

class Serving {
  readonly #stream: TunnelStream;
  readonly #outgoing: ClientRequest;
  #incoming: IncomingMessage | undefined;
  /** Whether the connection stood, so that the application may have seen the request. */
  #isConnected = false;

  constructor(stream: TunnelStream, options: RequestOptions) {
    this.#stream = stream;
    this.#outgoing = request(options);
    stream.listen({
      readable: () => this.#passRequest(),
      drained: () => this.#incoming?.resume(),
      reset: () => this.#outgoing.destroy(),
    });
    this.#outgoing.on("socket", (socket) => {
      if (!socket.connecting) this.#isConnected = true;
      else socket.once("connect", () => (this.#isConnected = true));
    });
    this.#outgoing.on("drain", () => this.#passRequest());
    this.#outgoing.on("response", (incoming) => this.#passResponse(incoming));
    this.#outgoing.on("error", (error) => this.#failed(error));
    // Without an error: the application switched protocols unasked, and Node has closed the connection.
    this.#outgoing.on("close", () => {
      if (!this.#incoming) this.#failed(new Error("it gave no answer"));
    });
  }

  /** The application may switch to a WebSocket, and then the bodies are its connection's bytes. */
  takeUpgrade(): void {
    this.#outgoing.on("upgrade", (incoming, socket, first) => {
      this.#incoming = incoming;
      const { statusCode: status = 101, rawHeaders } = incoming;
      this.#stream.sendResponse({ status, headers: endToEnd(linesOf(rawHeaders)) }, false);
      this.#stream.write(first);
      new Connection(this.#stream, socket);
    });
    // There is no body before the switch.
    this.#outgoing.end();
  }

  #passRequest(): void {
    while (!this.#outgoing.writableNeedDrain) {
      const bytes = this.#stream.read();
      if (!bytes) break;
      this.#outgoing.write(bytes);
    }
    if (this.#stream.isEnded && !this.#outgoing.writableEnded) this.#outgoing.end();
  }

  #passResponse(incoming: IncomingMessage): void {
    this.#incoming = incoming;
    const { statusCode: status = 502, rawHeaders } = incoming;
    const headers = endToEnd(linesOf(rawHeaders));
    if (status < 200 || status > 599) return this.#failed(new Error(`its status is ${status}`));
    if (!areSendable(headers)) return this.#failed(new Error("its headers cannot pass a tunnel"));
    let left = Number(incoming.headers["content-length"] ?? Number.NaN);
    this.#stream.sendResponse({ status, headers }, left === 0);
    incoming.on("data", (bytes: Uint8Array) => {
      this.#stream.write(bytes);
      left -= bytes.length;
      // The end goes with the last piece, and not in a message of its own.
      if (left === 0) this.#stream.end();
      if (this.#stream.isFull) incoming.pause();
    });
    incoming.on("end", () => this.#stream.end());
    incoming.on("error", (error) => this.#failed(error));
  }

  #failed(error: Error): void {
    this.#stream.reset(this.#isConnected ? "broken" : "unreachable", `the application: ${messageOf(error)}`);
    this.#outgoing.destroy();
  }
}

/** The bytes of a connection with the application, both ways, until either end closes it. */
class Connection implements StreamListener {
  readonly #stream: TunnelStream;
  readonly #socket: Duplex;

  constructor(stream: TunnelStream, socket: Duplex) {
    this.#stream = stream;
    this.#socket = socket;
    stream.listen(this);
    socket.on("data", (bytes: Uint8Array) => {
      stream.write(bytes);
      if (stream.isFull) socket.pause();
    });
    socket.on("drain", () => this.readable());
    socket.on("end", () => stream.end());
    socket.on("error", (error) => stream.reset("broken", `the application: ${messageOf(error)}`));
    socket.on("close", () => stream.end());
    this.readable();
  }

  readable(): void {
    while (!this.#socket.writableNeedDrain) {
      const bytes = this.#stream.read();
      if (!bytes) break;
      this.#socket.write(bytes);
    }
    if (!this.#stream.isEnded || this.#socket.writableEnded) return;
    this.#socket.end();
    // An application that does not close its side must not keep the stream.
    setTimeout(() => this.#socket.destroy(), closeTimeoutMs).unref();
  }

  drained(): void {
    this.#socket.resume();
  }

  reset(): void {
    this.#socket.destroy();
  }
}
