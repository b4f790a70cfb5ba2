/** Whatever is done to the bytes of a genuine request, the application gets that request once or never, and never another. */
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type InboundListener, startInbound } from "#agent/inbound/listener.ts";
import { type Application, startApplication } from "../../blackbox/harness/application.ts";
import { exchange } from "../../blackbox/harness/socket.ts";
import { authority, key, signedLines } from "./signing.ts";

let app: Application;
let listener: InboundListener;

beforeAll(async () => {
  app = await startApplication();
  listener = await startInbound({ listen: { address: "127.0.0.1", port: 0 }, app: { host: "127.0.0.1", port: app.port }, keys: [key] });
});
afterAll(async () => {
  await listener.close();
  await app.close();
});

const hidden = "GET /hidden HTTP/1.1\r\nHost: vm\r\n\r\n";
const pieces = [
  "\r",
  "\n",
  "\r\n",
  "\0",
  " ",
  "\t",
  ":",
  ",",
  ";",
  "0",
  "1",
  "chunked",
  "Transfer-Encoding: chunked\r\n",
  "Content-Length: 0\r\n",
  "Host: x\r\n",
];
const edits = fc.array(
  fc.record({ at: fc.nat(400), cut: fc.nat(2), piece: fc.oneof(fc.constantFrom("", ...pieces), fc.string({ maxLength: 3 })) }),
  {
    minLength: 1,
    maxLength: 3,
  },
);

it("holds for edits in any place", { timeout: 30_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(edits, fc.boolean(), async (changes, isChunked) => {
      app.received.length = 0;
      const framing = isChunked ? "Transfer-Encoding: chunked" : `Content-Length: ${hidden.length}`;
      const body = isChunked ? `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n` : hidden;
      const lines = await signedLines("/", { method: "POST" });
      let text = `POST / HTTP/1.1\r\nHost: vm\r\nConnection: close\r\n${framing}\r\n${lines}\r\n${body}`;
      for (const { at, cut, piece } of changes) text = text.slice(0, at) + piece + text.slice(at + cut);
      await exchange(`http://127.0.0.1:${listener.port}`, text, true);
      expect(app.received.length).toBeLessThanOrEqual(1);
      for (const { method, url, headers } of app.received) {
        expect([method, url]).toEqual(["POST", "/"]);
        expect(headers.filter(([name]) => name === "host")).toEqual([["host", authority]]);
      }
    }),
    { numRuns: 300 },
  );
});
