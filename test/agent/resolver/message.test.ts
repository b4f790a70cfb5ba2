/** DNS messages: what is a question, what is refused, and that no bytes are too bad. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answerQuery, isReplyTo, readQuery, refuseQuery } from "#agent/resolver/message.ts";
import { FrameReader, framed } from "#agent/resolver/frames.ts";
import { queryFor } from "./query.ts";

const at = (message: Uint8Array, offset: number): number => ((message[offset] ?? 0) << 8) | (message[offset + 1] ?? 0);
const changed = (offset: number, ...bytes: number[]): Uint8Array => {
  const message = queryFor("a.mesh", 1);
  message.set(bytes, offset);
  return message;
};

describe("a query", () => {
  it("is read, in whatever case", () => {
    expect(readQuery(queryFor("CaRt.shop.MESH", 28))).toEqual({
      kind: "query",
      question: { name: "cart.shop.mesh", type: 28, class: 1, end: 12 + 16 + 4 },
    });
    expect(readQuery(queryFor("", 2))).toMatchObject({ kind: "query", question: { name: "" } });
    expect(readQuery(queryFor("a b.mesh", 1))).toMatchObject({ kind: "query", question: { name: undefined } });
    expect(readQuery(queryFor(Array.from({ length: 4 }, () => "x".repeat(61)).join("."), 1)).kind).toBe("query");
  });

  it.each([
    ["an answer", changed(2, 0x80)],
    ["no header", new Uint8Array(11)],
    ["nothing", new Uint8Array()],
  ])("is not %s, which is dropped", (_, message) => expect(readQuery(message)).toEqual({ kind: "drop" }));

  it.each([
    ["two questions", changed(4, 0, 2), 1],
    ["no question", changed(4, 0, 0), 1],
    ["an answer in it", changed(6, 0, 1), 1],
    ["a pointer to itself", changed(12, 0xc0, 12), 1],
    ["a pointer into the header", changed(12, 0xc0, 0), 1],
    ["a label of a reserved kind", changed(12, 0x40), 1],
    ["a label beyond the end", changed(12, 63), 1],
    ["a name of more than 255 bytes", queryFor(Array.from({ length: 5 }, () => "x".repeat(61)).join("."), 1), 1],
    ["half a question", queryFor("a.mesh", 1).subarray(0, 21), 1],
    ["another operation", changed(2, 0x28), 4],
  ])("is not one with %s, which is refused", (_, message, rcode) => {
    expect(readQuery(message)).toEqual({ kind: "refuse", rcode });
    const reply = refuseQuery(message, rcode);
    expect([reply.length, at(reply, 0), at(reply, 2) & 0x800f, at(reply, 4)]).toEqual([12, at(message, 0), 0x8000 | rcode, 0]);
  });

  it("never throws, whatever it is", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.boolean(), (bytes, hasHeader) => {
        const message = hasHeader ? Uint8Array.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...bytes]) : bytes;
        const received = readQuery(message);
        if (received.kind === "refuse") expect(refuseQuery(message, received.rcode).length).toBe(12);
        if (received.kind !== "query") return;
        const { question } = received;
        expect(question.end).toBeLessThanOrEqual(message.length);
        expect(question.end).toBeLessThanOrEqual(12 + 255 + 4);
        const reply = answerQuery(message, question, { addresses: ["127.0.0.1"], ttlSec: 5 });
        expect(reply.length).toBe(question.end + 16);
        expect(isReplyTo(message, question, reply)).toBe(true);
        // What is read of a message is a message by itself, and means the same.
        expect(readQuery(message.subarray(0, question.end))).toEqual(received);
      }),
      { numRuns: 2_000 },
    );
  });

  it("is answered by nothing but its own answer", () => {
    const query = queryFor("a.mesh", 1);
    const received = readQuery(query);
    if (received.kind !== "query") throw new Error("no query");
    const { question } = received;
    const reply = answerQuery(query, question, { addresses: [], ttlSec: 5 });
    const other = (message: Uint8Array, offset: number): Uint8Array =>
      Uint8Array.from(message, (byte, index) => (index === offset ? byte ^ 1 : byte));
    expect(isReplyTo(query, question, reply)).toBe(true);
    expect(
      [query, other(reply, 0), other(reply, 13), other(reply, question.end - 3), reply.subarray(0, 11)].map((each) =>
        isReplyTo(query, question, each),
      ),
    ).toEqual(Array.from({ length: 5 }, () => false));
  });
});

describe("messages over TCP", () => {
  it("are the same however they are cut", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), fc.integer({ min: 1, max: 9 }), (messages, size) => {
        const bytes = messages.flatMap((message) => [...framed(message)]);
        const reader = new FrameReader();
        const read: Uint8Array[] = [];
        for (let from = 0; from < bytes.length; from += size) read.push(...reader.read(Uint8Array.from(bytes.slice(from, from + size))));
        expect(read.map((each) => [...each])).toEqual(messages.map((each) => [...each]));
      }),
    );
  });
});
