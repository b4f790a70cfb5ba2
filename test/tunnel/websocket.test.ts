/** The frames of WebSocket, as an application sends and gets them. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { closePayload, encodeMessage, type Message, MessageReader, mostMessageBytes, WebSocketFault } from "#tunnel/websocket.ts";

/** A server's frame. */
function frame(first: number, payload: Uint8Array, length = payload.length): Uint8Array {
  const extended = length < 126 ? [length] : length < 65_536 ? [126, length >> 8, length & 0xff] : [127, 0, 0, 0, 0, ...be32(length)];
  return Buffer.concat([Uint8Array.of(first, ...extended), payload]);
}

const be32 = (value: number): number[] => [value >>> 24, (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff];
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Reads it in pieces of that size. */
function read(stream: Uint8Array, size = stream.length): Message[] {
  const reader = new MessageReader();
  const messages: Message[] = [];
  for (let at = 0; at < stream.length; at += size) messages.push(...reader.push(stream.subarray(at, at + size)));
  return messages;
}

function faultOf(stream: Uint8Array): WebSocketFault {
  try {
    read(stream);
  } catch (thrown) {
    if (thrown instanceof WebSocketFault) return thrown;
    throw thrown;
  }
  throw new Error("it was taken");
}

describe("what an application sends", () => {
  it("is read in whatever pieces it comes", () => {
    const large = new Uint8Array(70_000).fill(7);
    const stream = Buffer.concat([
      frame(0x81, bytes("héllo")),
      frame(0x01, bytes("in ")),
      frame(0x89, bytes("between")),
      frame(0x00, bytes("three ")),
      frame(0x80, bytes("parts")),
      frame(0x82, large),
      frame(0x8a, bytes("pong")),
      frame(0x82, new Uint8Array(200)),
      frame(0x88, Uint8Array.of(0x03, 0xe8, ...bytes("bye"))),
    ]);
    const expected = [
      { kind: "text", text: "héllo" },
      { kind: "ping", bytes: bytes("between") },
      { kind: "text", text: "in three parts" },
      { kind: "binary", bytes: large },
      { kind: "binary", bytes: new Uint8Array(200) },
      { kind: "close", code: 1000, reason: "bye" },
    ];
    for (const size of [1_000_000, 10_000, 7]) expect(read(stream, size)).toEqual(expected);
  });

  it.each<[string, Uint8Array, number]>([
    ["is masked", Uint8Array.of(0x81, 0x80, 0, 0, 0, 0), 1002],
    ["uses an extension", frame(0xc1, bytes("x")), 1002],
    ["has an unknown opcode", frame(0x83, bytes("x")), 1002],
    ["has an unknown control opcode", frame(0x8b, bytes("x")), 1002],
    ["goes on with what was not begun", frame(0x80, bytes("x")), 1002],
    ["begins anew before the end", Buffer.concat([frame(0x01, bytes("x")), frame(0x81, bytes("y"))]), 1002],
    ["pings in parts", frame(0x09, bytes("x")), 1002],
    ["pings with too much", frame(0x89, new Uint8Array(126)), 1002],
    ["closes with half a code", frame(0x88, Uint8Array.of(3)), 1002],
    ["is no UTF-8", frame(0x81, Uint8Array.of(0xff)), 1007],
    ["is too large", frame(0x82, new Uint8Array(), mostMessageBytes + 1), 1009],
    ["is too large together", Buffer.concat([frame(0x02, new Uint8Array(10)), frame(0x80, new Uint8Array(), mostMessageBytes - 5)]), 1009],
  ])("is refused when it %s", (_what, stream, code) => expect(faultOf(stream).code).toBe(code));

  it("may be any bytes, and is refused with nothing but a fault", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (stream) => {
        try {
          read(stream, 5);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(WebSocketFault);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("what an application gets", () => {
  it.each([0, 5, 125, 126, 65_535, 65_536])("is one masked frame of %d bytes", (length) => {
    const payload = Uint8Array.from({ length }, (_, at) => at & 0xff);
    const mask = Uint8Array.of(1, 2, 3, 4);
    const message = encodeMessage("binary", payload, mask);
    const start = message.length - length;
    expect([message[0], (message[1] ?? 0) & 0x80, [...message.subarray(start - 4, start)]]).toEqual([0x82, 0x80, [1, 2, 3, 4]]);
    // Without its mask it is a server's frame.
    const plain = Buffer.concat([
      Uint8Array.of(0x82, (message[1] ?? 0) & 0x7f),
      message.subarray(2, start - 4),
      message.subarray(start).map((byte, at) => byte ^ (mask[at & 3] ?? 0)),
    ]);
    expect(read(plain)).toEqual([{ kind: "binary", bytes: payload }]);
  });

  it.each([
    [1000, "bye", [0x03, 0xe8, 0x62, 0x79, 0x65]],
    [1005, "", []],
    [1006, "gone", []],
    [0, "", []],
  ])("a close with %d", (code, reason, payload) => expect([...closePayload(code, reason)]).toEqual(payload));

  it("a reason that is too long is cut", () => expect(closePayload(1000, "x".repeat(500))).toHaveLength(125));
});
