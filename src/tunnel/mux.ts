import { ProtocolFault } from "./fault.ts";
import { decodeFrames, type Frame, MessageWriter } from "./frame.ts";
import type { RequestHead } from "./head.ts";
import { type StreamPorts, TunnelStream } from "./stream.ts";
import { CreditPool } from "./window.ts";

/** Streams at a time in one tunnel; both sides know it. */
export const mostStreams = 256;

/** A message is ended once it has so many bytes, and a stream's turn once it has given so many. */
const messageBytes = 64 * 1024;
const turnBytes = 16 * 1024;

export interface MuxPorts {
  /** `take` has something to give. Called as often as it likes; at least once after `take` gave nothing. */
  readonly wake: () => void;
  /** The peer asks for something: on the side that was asked. Whoever is called listens to the stream, or resets it, before it returns. */
  readonly opened?: (stream: TunnelStream, head: RequestHead) => void;
  /** The peer takes no new streams. */
  readonly goingAway?: () => void;
  /** The last stream under way has ended. */
  readonly idle?: () => void;
}

/**
 * Many streams over one connection: what both sides of a tunnel have in common. It touches nothing: messages that came are given to
 * `receive`, messages to be sent are taken with `take`. Streams take turns, and none waits for the reader of another (window.ts).
 */
export class Mux {
  readonly #ports: MuxPorts;
  readonly #streams = new Map<number, TunnelStream>();
  /** Those that have something to send, in the order of their turns. */
  readonly #turns = new Set<TunnelStream>();
  readonly #control: Frame[] = [];
  readonly #streamPorts: StreamPorts;
  #nextId: number;
  #peerIsGoingAway = false;
  #isGoingAway = false;

  /**
   * `firstId`: of the side that asks. Ids need only be free: whoever has forgotten its streams (a Durable Object that was started anew)
   * begins at another place, so that what is still under way of the old ones is not taken for something of the new.
   */
  constructor(ports: MuxPorts, firstId = 1) {
    this.#ports = ports;
    this.#nextId = firstId;
    this.#streamPorts = {
      pool: new CreditPool(),
      sendable: (stream) => {
        this.#turns.add(stream);
        ports.wake();
      },
      control: (frame) => this.#say(frame),
      closed: (stream) => {
        this.#streams.delete(stream.id);
        this.#turns.delete(stream);
        if (this.#streams.size === 0) ports.idle?.();
      },
    };
  }

  /** Streams under way. */
  get size(): number {
    return this.#streams.size;
  }

  /** Bytes of memory that streams hold beyond what each may have. */
  get sharedBytes(): number {
    return this.#streamPorts.pool.used;
  }

  /** Whether one more stream may be opened. */
  get canOpen(): boolean {
    return !this.#peerIsGoingAway && !this.#isGoingAway && this.#streams.size < mostStreams;
  }

  /** Opens a stream. Only where `canOpen`. */
  open(): TunnelStream {
    while (this.#nextId === 0 || this.#streams.has(this.#nextId)) this.#nextId = (this.#nextId + 1) >>> 0;
    const stream = this.#add(this.#nextId, true);
    this.#nextId = (this.#nextId + 1) >>> 0;
    return stream;
  }

  /** Takes no more streams, and tells the peer so. Those that there are go on. */
  goAway(): void {
    if (this.#isGoingAway) return;
    this.#isGoingAway = true;
    this.#say({ type: "goaway", stream: 0 });
  }

  /** Takes a message in. The fault for which the tunnel must be closed, if there is one; never throws for what the peer does. */
  receive(message: Uint8Array): ProtocolFault | undefined {
    try {
      for (const frame of decodeFrames(message)) this.#receive(frame);
      return undefined;
    } catch (thrown) {
      if (thrown instanceof ProtocolFault) return thrown;
      throw thrown;
    }
  }

  /** The next message to be sent; undefined when there is none. */
  take(): Uint8Array<ArrayBuffer> | undefined {
    const message = new MessageWriter();
    for (const frame of this.#control.splice(0, mostStreams)) message.add(frame);
    for (const stream of this.#turns) {
      if (message.bytes >= messageBytes) break;
      this.#turns.delete(stream);
      takeTurn(stream, message);
      if (stream.isSendable) this.#turns.add(stream);
    }
    return message.finish();
  }

  /** The connection is gone: all streams fail at once. */
  fail(reason: string): void {
    for (const stream of this.#streams.values()) stream.fail("broken", reason);
    this.#control.length = 0;
  }

  #receive(frame: Frame): void {
    if (frame.type === "open") return this.#receiveOpen(frame);
    if (frame.type === "goaway") {
      this.#peerIsGoingAway = true;
      return this.#ports.goingAway?.();
    }
    const stream = this.#streams.get(frame.stream);
    if (stream) return stream.receive(frame);
    // What crossed a reset on its way is nobody's; but a peer that goes on sending must be told that nobody listens.
    if (frame.type === "head" || frame.type === "data")
      this.#say({ type: "reset", stream: frame.stream, code: "cancelled", reason: "there is no such stream" });
  }

  #receiveOpen({ stream: id, head, end }: Extract<Frame, { type: "open" }>): void {
    const { opened } = this.#ports;
    if (!opened) throw new ProtocolFault("this side takes no requests");
    if (this.#streams.has(id)) throw new ProtocolFault("a stream is opened twice");
    if (this.#isGoingAway || this.#streams.size >= mostStreams) {
      const reason = this.#isGoingAway ? "the agent is going away" : `${mostStreams} streams are under way`;
      return this.#say({ type: "reset", stream: id, code: "refused", reason });
    }
    const stream = this.#add(id, false);
    opened(stream, head);
    if (end) stream.receiveEnd();
  }

  #add(id: number, isOpener: boolean): TunnelStream {
    const stream = new TunnelStream(id, isOpener, this.#streamPorts);
    this.#streams.set(id, stream);
    return stream;
  }

  #say(frame: Frame): void {
    this.#control.push(frame);
    this.#ports.wake();
  }
}

/** A head counts as well, and what follows it goes in the same turn. */
function takeTurn(stream: TunnelStream, message: MessageWriter): void {
  const endAt = message.bytes + turnBytes;
  while (message.bytes < endAt) {
    const frame = stream.next(endAt - message.bytes);
    if (frame === undefined) return;
    message.add(frame);
  }
}
