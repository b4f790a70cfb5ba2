/** DNS over TCP: each message behind its length in two bytes (RFC 1035 4.2.2). */

export function framed(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(2 + message.length);
  frame.set([message.length >> 8, message.length & 255]);
  frame.set(message, 2);
  return frame;
}

/** Puts messages together from the pieces that they come in; holds at most one unfinished message. */
export class FrameReader {
  #rest: Uint8Array = new Uint8Array();

  /** The messages that are whole with this piece. */
  read(chunk: Uint8Array): Uint8Array[] {
    const bytes = new Uint8Array(this.#rest.length + chunk.length);
    bytes.set(this.#rest);
    bytes.set(chunk, this.#rest.length);
    const messages: Uint8Array[] = [];
    let at = 0;
    for (;;) {
      const length = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
      if (bytes.length - at < 2 || bytes.length - at - 2 < length) break;
      messages.push(bytes.subarray(at + 2, at + 2 + length));
      at += 2 + length;
    }
    this.#rest = bytes.slice(at);
    return messages;
  }
}
