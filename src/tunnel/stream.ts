import { ProtocolFault } from "./fault.ts";
import { type Frame, frameLimits, type ResetCode } from "./frame.ts";
import type { RequestHead, ResponseHead } from "./head.ts";
import { type CreditPool, ReceiveWindow, windows } from "./window.ts";

/** One request and its response within a tunnel. */

/** Whoever uses a stream. Each is called at once, never from within the user's own call of the stream but for `drained`. */
export interface StreamListener {
  /** The head of the response; on the side that opened the stream only. */
  head?(head: ResponseHead): void;
  /** There is something to `read`, or `isEnded` has become true. */
  readable(): void;
  /** `isFull` is false again. */
  drained(): void;
  /** The peer gave the stream up, or the tunnel is gone; nothing more is called. */
  reset(code: ResetCode, reason: string): void;
}

/** A stream as its mux sees it. */
export interface StreamPorts {
  readonly pool: CreditPool;
  /** There is something to send. */
  sendable(stream: TunnelStream): void;
  /** A frame of its own, before all that waits. */
  control(frame: Frame): void;
  /** Both halves are over and read: the stream can be forgotten. */
  closed(stream: TunnelStream): void;
}

/** More than this waiting to be sent, and the user is to wait. */
const fullBytes = 64 * 1024;

export class TunnelStream {
  readonly id: number;
  readonly #ports: StreamPorts;
  readonly #window: ReceiveWindow;
  #listener: StreamListener | undefined;
  #head: Frame | undefined;
  readonly #outgoing: Uint8Array[] = [];
  #outgoingBytes = 0;
  #credit: number = windows.reserved;
  #hasEnded = false;
  #hasSentEnd = false;
  readonly #incoming: Uint8Array[] = [];
  #peerHasBegun = false;
  #peerHasEnded = false;
  #isOver = false;

  /** `isOpener`: this side asks, so that what the peer sends begins with the head of a response. */
  constructor(id: number, isOpener: boolean, ports: StreamPorts) {
    this.id = id;
    this.#peerHasBegun = !isOpener;
    this.#ports = ports;
    this.#window = new ReceiveWindow(ports.pool);
  }

  /** Who is told of what happens, from now on. */
  listen(listener: StreamListener): void {
    this.#listener = listener;
  }

  /** Both halves are through, or it was reset. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The peer has sent all, and all of it was read. */
  get isEnded(): boolean {
    return this.#peerHasEnded && this.#incoming.length === 0;
  }

  /** The peer has sent all, read or not. */
  get isWhole(): boolean {
    return this.#peerHasEnded;
  }

  /** How much waits to be sent. */
  get waitingBytes(): number {
    return this.#outgoingBytes;
  }

  /** So much waits to be sent that whoever writes should wait for `drained`. */
  get isFull(): boolean {
    return this.#outgoingBytes >= fullBytes;
  }

  /** The head of the request, by the side that opens; `end`: there is no body. */
  sendRequest(head: RequestHead, end: boolean): void {
    this.#sendHead({ type: "open", stream: this.id, head, end });
  }

  /** The head of the response, by the side that was asked. */
  sendResponse(head: ResponseHead, end: boolean): void {
    this.#sendHead({ type: "head", stream: this.id, head, end });
  }

  /** A piece of the body; the bytes must not change afterwards. */
  write(bytes: Uint8Array): void {
    if (this.#hasEnded || this.#isOver || bytes.length === 0) return;
    this.#outgoing.push(bytes);
    this.#outgoingBytes += bytes.length;
    this.#ports.sendable(this);
  }

  /** The body is whole. */
  end(): void {
    if (this.#hasEnded || this.#isOver) return;
    this.#hasEnded = true;
    this.#ports.sendable(this);
  }

  /** The next piece of the peer's body; undefined when there is none now. */
  read(): Uint8Array | undefined {
    const bytes = this.#incoming.shift();
    if (bytes === undefined) return undefined;
    const credit = this.#window.read(bytes.length);
    if (credit > 0) this.#ports.control({ type: "window", stream: this.id, credit });
    this.#closeWhenThrough();
    return bytes;
  }

  /** The rest of the body is of no use to the peer, which has answered already; its answer can still be read. */
  stopSending(): void {
    if (this.#isOver || this.#hasSentEnd) return;
    this.#ports.control({ type: "reset", stream: this.id, code: "cancelled", reason: "answered before all of the request was sent" });
    this.#outgoing.length = this.#outgoingBytes = 0;
    this.#hasEnded = true;
    this.#sentEnd();
  }

  /** Gives the stream up. What was not sent is not sent, what was not read is dropped. */
  reset(code: ResetCode, reason: string): void {
    if (this.#isOver) return;
    this.#ports.control({ type: "reset", stream: this.id, code, reason });
    this.#close();
  }

  /** Whether `next` has something to give. */
  get isSendable(): boolean {
    if (this.#isOver || this.#hasSentEnd) return false;
    if (this.#head !== undefined) return true;
    return this.#outgoing.length > 0 ? this.#credit > 0 : this.#hasEnded;
  }

  /** The next frame to send, of at most so many bytes of body. Called by the mux. */
  next(mostBytes: number): Frame | undefined {
    if (!this.isSendable) return undefined;
    const head = this.#head;
    if (head !== undefined) {
      this.#head = undefined;
      if ("end" in head && head.end) this.#sentEnd();
      return head;
    }
    const bytes = this.#take(Math.min(mostBytes, this.#credit, frameLimits.data));
    const end = this.#hasEnded && this.#outgoing.length === 0;
    if (end) this.#sentEnd();
    return { type: "data", stream: this.id, bytes, end };
  }

  /** A frame of the peer. Throws `ProtocolFault`. Called by the mux. */
  receive(frame: Frame): void {
    switch (frame.type) {
      case "head":
        if (this.#peerHasBegun) throw new ProtocolFault("a response has a second head");
        this.#peerHasBegun = true;
        this.#listener?.head?.(frame.head);
        if (frame.end) this.receiveEnd();
        return;
      case "data":
        return this.#receiveData(frame);
      case "window":
        return this.#receiveCredit(frame.credit);
      case "reset":
        return this.fail(frame.code, frame.reason);
      case "open":
      case "goaway":
        throw new ProtocolFault(`a frame of type ${frame.type} is of an open stream`);
    }
  }

  /** The peer's half is whole. Called by the mux. */
  receiveEnd(): void {
    this.#peerHasEnded = true;
    this.#window.ended();
    this.#listener?.readable();
    this.#closeWhenThrough();
  }

  /** Ends the stream without a word to the peer. What is whole on both sides is only to be read any more, and still can be. Called by the mux. */
  fail(code: ResetCode, reason: string): void {
    if (this.#isOver) return;
    if (this.#hasSentEnd && this.#peerHasEnded) return this.#forget();
    this.#close();
    this.#listener?.reset(code, reason);
  }

  #sendHead(frame: Frame): void {
    if (this.#isOver) return;
    this.#head = frame;
    if ("end" in frame && frame.end) this.#hasEnded = true;
    this.#ports.sendable(this);
  }

  #receiveData({ bytes, end }: Extract<Frame, { type: "data" }>): void {
    if (!this.#peerHasBegun) throw new ProtocolFault("a response has no head");
    if (this.#peerHasEnded) throw new ProtocolFault("data follows the end of a stream");
    if (!this.#window.received(bytes.length)) throw new ProtocolFault("more data came than was allowed");
    if (bytes.length > 0) this.#incoming.push(bytes);
    if (end) return this.receiveEnd();
    this.#listener?.readable();
  }

  #receiveCredit(credit: number): void {
    this.#credit += credit;
    if (this.#credit > 0x7fff_ffff) throw new ProtocolFault("a window is too large");
    if (this.isSendable) this.#ports.sendable(this);
  }

  #take(mostBytes: number): Uint8Array {
    const [first] = this.#outgoing;
    if (first === undefined) return new Uint8Array();
    const bytes = first.subarray(0, mostBytes);
    if (bytes.length === first.length) this.#outgoing.shift();
    else this.#outgoing[0] = first.subarray(bytes.length);
    this.#credit -= bytes.length;
    const wasFull = this.isFull;
    this.#outgoingBytes -= bytes.length;
    if (wasFull && !this.isFull) this.#listener?.drained();
    return bytes;
  }

  #sentEnd(): void {
    this.#hasSentEnd = true;
    this.#closeWhenThrough();
  }

  #closeWhenThrough(): void {
    if (this.#hasSentEnd && this.isEnded) this.#close();
  }

  #close(): void {
    if (this.#isOver) return;
    this.#head = undefined;
    this.#outgoing.length = this.#incoming.length = 0;
    this.#outgoingBytes = 0;
    this.#forget();
  }

  #forget(): void {
    this.#isOver = true;
    this.#window.close();
    this.#ports.closed(this);
  }
}
