/** The frames of WebSocket (RFC 6455 5.2) as a client of the application speaks them: what passes a tunnel are the connection's bytes. */

/** A message larger than this ends the conversation. */
export const mostMessageBytes = 4 * 1024 * 1024;

const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export type Message =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "binary"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "ping"; readonly bytes: Uint8Array<ArrayBuffer> }
  /** 1005: the frame had no code. */
  | { readonly kind: "close"; readonly code: number; readonly reason: string };

/** The peer does not keep to the protocol; `code` is what the conversation is to be closed with. */
export class WebSocketFault extends Error {
  readonly code: number;

  constructor(code: number, reason: string) {
    super(reason);
    this.name = "WebSocketFault";
    this.code = code;
  }
}

/** One whole message as a frame; a client masks each with four random bytes. */
export function encodeMessage(kind: "text" | "binary" | "close" | "pong", payload: Uint8Array, mask: Uint8Array): Uint8Array<ArrayBuffer> {
  const { length } = payload;
  const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const frame = new Uint8Array(2 + lengthBytes + 4 + length);
  const view = new DataView(frame.buffer);
  frame[0] = 0x80 | opcodes[kind];
  frame[1] = 0x80 | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) view.setUint16(2, length);
  if (lengthBytes === 8) view.setBigUint64(2, BigInt(length));
  const start = 2 + lengthBytes + 4;
  frame.set(mask, start - 4);
  for (let at = 0; at < length; at++) frame[start + at] = (payload[at] ?? 0) ^ (mask[at & 3] ?? 0);
  return frame;
}

/** The payload of a close frame; codes that stand for none (1005, 1006) make an empty one. */
export function closePayload(code: number, reason: string): Uint8Array {
  if (code === 1005 || code === 1006 || code < 1000) return new Uint8Array();
  // A control frame holds 125 bytes.
  const text = new TextEncoder().encode(reason).subarray(0, 123);
  return Uint8Array.of(code >> 8, code & 0xff, ...text);
}

interface Header {
  readonly isFinal: boolean;
  readonly opcode: number;
  /** Of header and payload. */
  readonly start: number;
  readonly end: number;
}

/** Reads what the application sends, in whatever pieces it comes. */
export class MessageReader {
  #bytes = new Uint8Array();
  /** Of the message whose last frame has not come. */
  #opcode: number | undefined;
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;

  /** The messages that these bytes complete. Throws `WebSocketFault`. */
  *push(bytes: Uint8Array): Generator<Message> {
    this.#bytes = joined([this.#bytes, bytes]);
    for (let header = this.#header(); header && header.end <= this.#bytes.length; header = this.#header()) {
      const payload = this.#bytes.slice(header.start, header.end);
      this.#bytes = this.#bytes.slice(header.end);
      const message = header.opcode >= opcodes.close ? controlOf(header, payload) : this.#data(header, payload);
      if (message) yield message;
    }
  }

  #header(): Header | undefined {
    const [first = 0, second = 0] = this.#bytes;
    if (this.#bytes.length < 2) return undefined;
    if ((first & 0x70) !== 0) throw new WebSocketFault(1002, "a frame uses an extension that was not agreed on");
    if ((second & 0x80) !== 0) throw new WebSocketFault(1002, "a server masks its frames");
    const short = second & 0x7f;
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    if (this.#bytes.length < 2 + lengthBytes) return undefined;
    const view = new DataView(this.#bytes.buffer);
    const length = lengthBytes === 2 ? view.getUint16(2) : lengthBytes === 8 ? Number(view.getBigUint64(2)) : short;
    if (length + this.#pieceBytes > mostMessageBytes) throw new WebSocketFault(1009, `a message has more than ${mostMessageBytes} bytes`);
    const start = 2 + lengthBytes;
    return { isFinal: (first & 0x80) !== 0, opcode: first & 0x0f, start, end: start + length };
  }

  #data({ isFinal, opcode }: Header, payload: Uint8Array<ArrayBuffer>): Message | undefined {
    if (opcode > opcodes.binary) throw new WebSocketFault(1002, `a frame has the unknown opcode ${opcode}`);
    if ((opcode === opcodes.continuation) !== (this.#opcode !== undefined))
      throw new WebSocketFault(1002, "frames of two messages are mixed");
    this.#opcode ??= opcode;
    this.#pieces.push(payload);
    this.#pieceBytes += payload.length;
    if (!isFinal) return undefined;
    const bytes = this.#pieces.length === 1 ? payload : joined(this.#pieces);
    const isText = this.#opcode === opcodes.text;
    this.#opcode = undefined;
    this.#pieces = [];
    this.#pieceBytes = 0;
    return isText ? { kind: "text", text: textOf(bytes) } : { kind: "binary", bytes };
  }
}

function controlOf({ isFinal, opcode }: Header, payload: Uint8Array<ArrayBuffer>): Message | undefined {
  if (!isFinal || payload.length > 125) throw new WebSocketFault(1002, "a control frame is too large, or one of several");
  switch (opcode) {
    case opcodes.ping:
      return { kind: "ping", bytes: payload };
    case opcodes.pong:
      return undefined;
    case opcodes.close: {
      if (payload.length === 0) return { kind: "close", code: 1005, reason: "" };
      if (payload.length === 1) throw new WebSocketFault(1002, "a close frame has half a code");
      return { kind: "close", code: new DataView(payload.buffer).getUint16(0), reason: textOf(payload.subarray(2)) };
    }
    default:
      throw new WebSocketFault(1002, `a frame has the unknown opcode ${opcode}`);
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new WebSocketFault(1007, "a text is no UTF-8");
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
