import type { Random } from "#base/random.ts";
import type { StreamListener, TunnelStream } from "./stream.ts";
import { closePayload, encodeMessage, type Message, MessageReader, mostMessageBytes, WebSocketFault } from "./websocket.ts";

/** A WebSocket through a tunnel: the caller's socket on one side, the bytes of the application's connection on the other. */

/** The mesh's end of the caller's WebSocket. Both calls may throw when it is closed. */
export interface CallerSocket {
  send(message: string | ArrayBuffer): void;
  close(code?: number, reason?: string): void;
  /** `close`: the caller has closed it, or is gone. Called before any message can have come. */
  listen(listener: {
    readonly message: (data: string | ArrayBuffer) => void;
    readonly close: (code: number, reason: string) => void;
  }): void;
}

const goingAway = 1001;

export class Conversation implements StreamListener {
  readonly #stream: TunnelStream;
  readonly #socket: CallerSocket;
  readonly #random: Random;
  readonly #reader = new MessageReader();
  #isOver = false;

  constructor(stream: TunnelStream, socket: CallerSocket, random: Random) {
    this.#stream = stream;
    this.#socket = socket;
    this.#random = random;
    stream.listen(this);
    socket.listen({
      message: (data) => this.#hear(data),
      close: (code, reason) => {
        this.#say("close", closePayload(code, reason));
        this.#end();
      },
    });
    this.readable();
  }

  readable(): void {
    try {
      for (let bytes = this.#stream.read(); bytes; bytes = this.#stream.read()) {
        // What comes after the end is read as well: a stream that is not is never over.
        if (!this.#isOver) for (const message of this.#reader.push(bytes)) this.#pass(message);
      }
    } catch (thrown) {
      if (!(thrown instanceof WebSocketFault)) throw thrown;
      this.#say("close", closePayload(thrown.code, thrown.message));
      this.#close(thrown.code, thrown.message);
    }
    // The application's connection ended without a word.
    if (this.#stream.isEnded) this.#close(goingAway, "");
  }

  drained(): void {
    // Nobody waits: WebSockets cannot be told to (see #hear).
  }

  reset(): void {
    this.#close(goingAway, "the tunnel was lost");
  }

  #hear(data: string | ArrayBuffer): void {
    if (typeof data === "string") this.#say("text", new TextEncoder().encode(data));
    else this.#say("binary", new Uint8Array(data));
    // An application that does not read must not fill the mesh's memory.
    if (this.#stream.waitingBytes > mostMessageBytes) this.#close(1013, "the application does not keep up");
  }

  #pass(message: Message): void {
    switch (message.kind) {
      case "text":
        return this.#send(message.text);
      case "binary":
        return this.#send(message.bytes.buffer);
      case "ping":
        return this.#say("pong", message.bytes);
      case "close":
        this.#say("close", closePayload(message.code, ""));
        return this.#close(message.code, message.reason);
    }
  }

  #say(kind: "text" | "binary" | "close" | "pong", payload: Uint8Array): void {
    if (!this.#isOver) this.#stream.write(encodeMessage(kind, payload, this.#random.bytes(4)));
  }

  #send(message: string | ArrayBuffer): void {
    try {
      this.#socket.send(message);
    } catch {
      // It is closed; its close event tells.
    }
  }

  #close(code: number, reason: string): void {
    if (this.#isOver) return;
    try {
      // RFC 6455 7.4.1: these stand for a frame without a code, or for none, and cannot be sent.
      if (code === 1005 || code === 1006) this.#socket.close();
      else this.#socket.close(code, reason);
    } catch {
      // It is closed.
    }
    this.#end();
  }

  /** What was written is still sent; what comes is of no interest any more. */
  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stream.end();
    if (this.#stream.isFull) this.#stream.reset("cancelled", "the conversation is over");
  }
}
