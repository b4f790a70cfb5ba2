/** The frames of a tunnel: what is encoded is decoded, and what no peer of ours sends is refused with a code and a reason. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProtocolFault } from "#tunnel/fault.ts";
import { decodeFrames, type Frame, frameLimits, type ResetCode } from "#tunnel/frame.ts";
import type { HeaderLine } from "#tunnel/head.ts";
import { encodeFrames } from "./pair.ts";

const stream = fc.integer({ min: 1, max: 0xffff_ffff });
const headers = fc.array(
  fc.tuple(fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,20}$/), fc.stringMatching(/^[\t\x20-\x7e\x80-\u07ff]{0,40}$/)),
  { maxLength: 8 },
) as fc.Arbitrary<HeaderLine[]>;
const code = fc.constantFrom<ResetCode>("cancelled", "refused", "unreachable", "broken");

const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({
    type: fc.constant("open" as const),
    stream,
    head: fc.record({
      method: fc.constantFrom("GET", "POST", "PROPFIND"),
      path: fc.stringMatching(/^\/[\x21-\x7e]{0,40}$/),
      port: fc.integer({ min: 1, max: 65_535 }),
      headers,
    }),
    end: fc.boolean(),
  }),
  fc.record({
    type: fc.constant("head" as const),
    stream,
    head: fc.record({ status: fc.integer({ min: 200, max: 599 }), headers }),
    end: fc.boolean(),
  }),
  fc.record({ type: fc.constant("data" as const), stream, bytes: fc.uint8Array({ minLength: 1, maxLength: 200 }), end: fc.boolean() }),
  fc.record({ type: fc.constant("reset" as const), stream, code, reason: fc.string({ maxLength: 40 }) }),
  fc.record({ type: fc.constant("window" as const), stream, credit: fc.integer({ min: 1, max: 0xffff_ffff }) }),
  fc.constant({ type: "goaway" as const, stream: 0 as const }),
);

function faultOf(message: Uint8Array): ProtocolFault {
  try {
    decodeFrames(message);
  } catch (thrown) {
    if (thrown instanceof ProtocolFault) return thrown;
    throw thrown;
  }
  throw new Error("it was taken");
}

/** A frame byte by byte. */
function raw(type: number, given: { flags?: number; id?: number; payload?: Uint8Array; length?: number } = {}): Uint8Array {
  const { flags = 0, id = 1, payload = new Uint8Array() } = given;
  const { length = payload.length } = given;
  const bytes = new Uint8Array(10 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, type);
  view.setUint8(1, flags);
  view.setUint32(2, id);
  view.setUint32(6, length);
  bytes.set(payload, 10);
  return bytes;
}

const text = (value: unknown): Uint8Array => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
const [open, head, data, reset, window, goaway] = [0, 1, 2, 3, 4, 5];
const request = { method: "GET", path: "/", port: 80, headers: [] };

describe("frames", () => {
  it("come out as they went in, however many share a message", () => {
    fc.assert(
      fc.property(fc.array(frame, { minLength: 1, maxLength: 6 }), (frames) => {
        expect(decodeFrames(encodeFrames(frames))).toEqual(frames);
      }),
    );
  });

  it("cut a reason that is too long, and take what is left for text", () => {
    const [decoded] = decodeFrames(encodeFrames([{ type: "reset", stream: 1, code: "broken", reason: "ä".repeat(600) }]));
    expect(decoded).toMatchObject({ type: "reset", reason: "ä".repeat(frameLimits.reason / 2) });
  });

  it("refuse any bytes with a fault, and never with anything else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        try {
          decodeFrames(bytes);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(ProtocolFault);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("refuse a message of which any byte is missing", () => {
    fc.assert(
      fc.property(frame, fc.nat(), (given, cut) => {
        const whole = encodeFrames([given]);
        expect(faultOf(whole.subarray(0, cut % whole.length))).toBeInstanceOf(ProtocolFault);
      }),
    );
  });
});

describe("hostile frames", () => {
  it.each([
    ["an empty message", new Uint8Array(), 1002, /empty/],
    ["an unknown type", raw(6), 1002, /unknown type/],
    ["unknown flags", raw(data, { flags: 2, payload: text("x") }), 1002, /unknown flags/],
    ["an end where there is none", raw(window, { flags: 1, payload: Uint8Array.of(0, 0, 0, 1) }), 1002, /unknown flags/],
    ["a length beyond the message", raw(data, { length: 100, payload: text("x") }), 1002, /cut off/],
    ["more data than a frame may hold", raw(data, { length: frameLimits.data + 1 }), 1009, /too large/],
    ["a head that is too large", raw(head, { length: frameLimits.head + 1 }), 1009, /too large/],
    ["a length of 4 GiB", raw(open, { length: 0xffff_ffff }), 1009, /too large/],
    ["a message that is too large", new Uint8Array(frameLimits.message + 1), 1009, /too large/],
    ["data of stream 0", raw(data, { id: 0, payload: text("x") }), 1002, /stream 0/],
    ["a goaway of a stream", raw(goaway, { id: 7 }), 1002, /stream 7/],
    ["data of nothing", raw(data), 1002, /empty/],
    ["a window that grows by nothing", raw(window, { payload: new Uint8Array(4) }), 1002, /by nothing/],
    ["half a window", raw(window, { payload: new Uint8Array(2) }), 1002, /by nothing/],
    ["an unknown reset", raw(reset, { payload: Uint8Array.of(9) }), 1002, /unknown code/],
    ["a reset without a code", raw(reset), 1002, /unknown code/],
    ["a head that is no JSON", raw(head, { payload: text("{") }), 1002, /no JSON/],
    ["a head that is no UTF-8", raw(head, { payload: Uint8Array.of(0x22, 0xff, 0x22) }), 1002, /no UTF-8/],
    ["a head that is a list", raw(head, { payload: text([]) }), 1002, /no object/],
    ["a status that is none", raw(head, { payload: text({ status: 99, headers: [] }) }), 1002, /status/],
    ["an answer that is none yet", raw(head, { payload: text({ status: 103, headers: [] }) }), 1002, /status/],
    ["a status of text", raw(head, { payload: text({ status: "200", headers: [] }) }), 1002, /status/],
    ["no headers", raw(head, { payload: text({ status: 200 }) }), 1002, /headers/],
    ["a header with a line break", raw(head, { payload: text({ status: 200, headers: [["a", "b\r\nc: d"]] }) }), 1002, /header/],
    ["a header without a name", raw(head, { payload: text({ status: 200, headers: [["", "b"]] }) }), 1002, /header/],
    ["a header with a control character", raw(head, { payload: text({ status: 200, headers: [["a", "\u0001"]] }) }), 1002, /header/],
    ["a method with a blank", raw(open, { payload: text({ ...request, method: "GET /" }) }), 1002, /method/],
    ["a path with a blank", raw(open, { payload: text({ ...request, path: "/ HTTP/1.1" }) }), 1002, /path/],
    ["a whole URL for a path", raw(open, { payload: text({ ...request, path: "http://a/" }) }), 1002, /path/],
    ["port 0", raw(open, { payload: text({ ...request, port: 0 }) }), 1002, /port/],
  ])("%s", (_what, message, closeCode, reason) => {
    const fault = faultOf(message);
    expect(fault.code).toBe(closeCode);
    expect(fault.message).toMatch(reason);
  });
});
