import { closeCodes, ProtocolFault } from "./fault.ts";
import { readRequestHead, readResponseHead, type RequestHead, type ResponseHead } from "./head.ts";

/**
 * The frames of a tunnel. A WebSocket message is one or more of them, whole: type (1 byte), flags (1), stream (4), length (4), payload;
 * numbers are big-endian. Heads are JSON in UTF-8. docs/tunnel.md has the protocol.
 */

/** Why a stream ended before its time. */
export type ResetCode =
  /** Whoever asked is no longer interested. */
  | "cancelled"
  /** The peer does not take the request; nothing was done. */
  | "refused"
  /** The application takes no connections; nothing was done. */
  | "unreachable"
  /** The connection to the application or to the caller broke off. */
  | "broken";

export type Frame =
  | { readonly type: "open"; readonly stream: number; readonly head: RequestHead; readonly end: boolean }
  | { readonly type: "head"; readonly stream: number; readonly head: ResponseHead; readonly end: boolean }
  | { readonly type: "data"; readonly stream: number; readonly bytes: Uint8Array; readonly end: boolean }
  | { readonly type: "reset"; readonly stream: number; readonly code: ResetCode; readonly reason: string }
  /** The peer may send so many bytes more of this stream's body. */
  | { readonly type: "window"; readonly stream: number; readonly credit: number }
  /** The sender takes no new streams, and closes when those that there are have ended. */
  | { readonly type: "goaway"; readonly stream: 0 };

/** Bytes; what is larger closes the tunnel. Cloudflare takes 128 KiB of headers and 16 KiB of URL, which JSON can make three times as long. */
export const frameLimits = { data: 64 * 1024, head: 512 * 1024, reason: 512, message: 1024 * 1024 } as const;

const types = ["open", "head", "data", "reset", "window", "goaway"] as const satisfies readonly Frame["type"][];
const codes = ["cancelled", "refused", "unreachable", "broken"] as const satisfies readonly ResetCode[];
const headerBytes = 10;
const endFlag = 1;
/** Frames that can be the last of their sender's half of the stream. */
const canEnd: ReadonlySet<Frame["type"]> = new Set(["open", "head", "data"]);
const mostPayload: Readonly<Record<Frame["type"], number>> = {
  open: frameLimits.head,
  head: frameLimits.head,
  data: frameLimits.data,
  reset: 1 + frameLimits.reason,
  window: 4,
  goaway: 0,
};

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Puts frames together to a message. */
export class MessageWriter {
  readonly #parts: Uint8Array[] = [];
  #bytes = 0;

  /** How long the message is so far. */
  get bytes(): number {
    return this.#bytes;
  }

  add(frame: Frame): void {
    const payload = payloadOf(frame);
    const header = new Uint8Array(headerBytes);
    const view = new DataView(header.buffer);
    view.setUint8(0, types.indexOf(frame.type));
    view.setUint8(1, "end" in frame && frame.end ? endFlag : 0);
    view.setUint32(2, frame.stream);
    view.setUint32(6, payload.length);
    this.#parts.push(header, payload);
    this.#bytes += headerBytes + payload.length;
  }

  /** The message; undefined when nothing was added. */
  finish(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#bytes === 0) return undefined;
    const message = new Uint8Array(this.#bytes);
    let at = 0;
    for (const part of this.#parts) {
      message.set(part, at);
      at += part.length;
    }
    return message;
  }
}

function payloadOf(frame: Frame): Uint8Array {
  switch (frame.type) {
    case "open":
    case "head":
      return encoder.encode(JSON.stringify(frame.head));
    case "data":
      return frame.bytes;
    case "reset": {
      // Cut where it may be in the middle of a character, which is read as U+FFFD.
      const reason = encoder.encode(frame.reason).subarray(0, frameLimits.reason);
      return Uint8Array.of(codes.indexOf(frame.code), ...reason);
    }
    case "window": {
      const payload = new Uint8Array(4);
      new DataView(payload.buffer).setUint32(0, frame.credit);
      return payload;
    }
    case "goaway":
      return new Uint8Array();
  }
}

/** The frames of a message. Throws `ProtocolFault` when it is anything else; payloads are views of the message. */
export function decodeFrames(message: Uint8Array): Frame[] {
  if (message.length === 0) throw new ProtocolFault("a message is empty");
  if (message.length > frameLimits.message) throw new ProtocolFault("a message is too large", closeCodes.tooBig);
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  const frames: Frame[] = [];
  for (let at = 0; at < message.length;) {
    if (message.length - at < headerBytes) throw new ProtocolFault("a frame is cut off");
    const type = types[view.getUint8(at)];
    if (type === undefined) throw new ProtocolFault("a frame has an unknown type");
    const length = view.getUint32(at + 6);
    if (length > mostPayload[type]) throw new ProtocolFault(`a frame of type ${type} is too large`, closeCodes.tooBig);
    const start = at + headerBytes;
    at = start + length;
    if (at > message.length) throw new ProtocolFault("a frame is cut off");
    frames.push(
      frameOf({ type, flags: view.getUint8(start - 9), stream: view.getUint32(start - 8), payload: message.subarray(start, at) }),
    );
  }
  return frames;
}

interface Raw {
  readonly type: Frame["type"];
  readonly flags: number;
  readonly stream: number;
  readonly payload: Uint8Array;
}

function frameOf({ type, flags, stream, payload }: Raw): Frame {
  if (flags > (canEnd.has(type) ? endFlag : 0)) throw new ProtocolFault("a frame has unknown flags");
  const end = flags === endFlag;
  if ((stream === 0) !== (type === "goaway")) throw new ProtocolFault(`a frame of type ${type} is of stream ${stream}`);
  switch (type) {
    case "open":
      return { type, stream, head: readRequestHead(textOf(payload)), end };
    case "head":
      return { type, stream, head: readResponseHead(textOf(payload)), end };
    case "data":
      if (payload.length === 0 && !end) throw new ProtocolFault("a frame of data is empty");
      return { type, stream, bytes: payload, end };
    case "reset":
      return { type, stream, ...resetOf(payload) };
    case "window": {
      const credit = payload.length === 4 ? new DataView(payload.buffer, payload.byteOffset).getUint32(0) : 0;
      if (credit === 0) throw new ProtocolFault("a window grows by nothing");
      return { type, stream, credit };
    }
    case "goaway":
      return { type, stream: 0 };
  }
}

function resetOf(payload: Uint8Array): { readonly code: ResetCode; readonly reason: string } {
  const code = codes[payload[0] ?? codes.length];
  if (code === undefined) throw new ProtocolFault("a reset has an unknown code");
  // The reason is for people: what is no UTF-8 in it does no harm.
  return { code, reason: new TextDecoder().decode(payload.subarray(1)) };
}

function textOf(payload: Uint8Array): string {
  try {
    return decoder.decode(payload);
  } catch {
    throw new ProtocolFault("a head is no UTF-8");
  }
}
