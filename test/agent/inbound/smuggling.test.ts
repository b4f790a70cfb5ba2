/** What could be read in two ways is refused, its connection closed, and the application has seen one request or none. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type InboundListener, startInbound } from "#agent/inbound/listener.ts";
import { type Application, startApplication } from "../../blackbox/harness/application.ts";
import { exchange } from "../../blackbox/harness/socket.ts";
import { key, signedLines } from "./signing.ts";

let app: Application;
let listener: InboundListener;

beforeAll(async () => {
  app = await startApplication();
  listener = await startInbound({ listen: { address: "127.0.0.1", port: 0 }, app: { host: "127.0.0.1", port: app.port }, keys: [key] });
});
beforeEach(() => void (app.received.length = 0));
afterAll(async () => {
  await listener.close();
  await app.close();
});

const total = (): number => Object.values(listener.counts()).reduce((sum, count) => sum + count, 0);

/** `post` and `get` stand for a signed head up to its last field. */
const cases: readonly (readonly [name: string, text: string, statuses: readonly number[]])[] = [
  ["a length and a coding", "{post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [400]],
  ["a coding and a length", "{post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", [400]],
  ["two lengths", "{post}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", [400]],
  ["one length twice", "{post}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", [400]],
  ["a list of lengths", "{post}Content-Length: 3, 3\r\n\r\nabc", [400]],
  ["a length with a sign", "{post}Content-Length: +3\r\n\r\nabc", [400]],
  ["a length with garbage", "{post}Content-Length: 3x\r\n\r\nabc", [400]],
  ["a length with a space", "{post}Content-Length: 3 3\r\n\r\nabc", [400]],
  ["a space before the colon", "{post}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", [400]],
  ["xchunked", "{post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", [400, 501]],
  ["chunked, identity", "{post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", [400, 501]],
  ["gzip, chunked", "{post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", [501]],
  ["chunked twice", "{post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [400, 501]],
  ["a vertical tab before chunked", "{post}Transfer-Encoding: \u000bchunked\r\n\r\n0\r\n\r\n", [400]],
  ["a folded line", "{get}X: a\r\n b\r\n\r\n", [400]],
  ["a folded coding", "{post}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", [400]],
  ["bare line feeds", "GET / HTTP/1.1\nHost: vm\n\n", [400]],
  ["a bare line feed in a field", "{get}X: a\nY: b\r\n\r\n", [400]],
  ["a bare carriage return", "{get}X: a\rY: b\r\n\r\n", [400]],
  ["a bare line feed at the end", "{get}X: a\r\n\n", [400]],
  ["two Hosts", "{get}Host: other\r\n\r\n", [400]],
  ["no Host", "GET / HTTP/1.1\r\n\r\n", [400]],
  ["a Host with user information", "GET / HTTP/1.1\r\nHost: a@b\r\n{lines}\r\n", [400]],
  ["NUL in a value", "{get}X: a\u0000b\r\n\r\n", [400]],
  ["NUL in the target", "GET /\u0000 HTTP/1.1\r\nHost: vm\r\n{lines}\r\n", [400]],
  ["CONNECT", "CONNECT vm:80 HTTP/1.1\r\nHost: vm\r\n{lines}\r\n", [501]],
  ["absolute form", "GET http://vm/ HTTP/1.1\r\nHost: vm\r\n{lines}\r\n", [400]],
  ["asterisk form", "OPTIONS * HTTP/1.1\r\nHost: vm\r\n{lines}\r\n", [400]],
  ["a fragment", "GET /#x HTTP/1.1\r\nHost: vm\r\n{lines}\r\n", [400]],
  ["HTTP/0.9", "GET /\r\n\r\n", [400, 505]],
  ["HTTP/2.0", "GET / HTTP/2.0\r\nHost: vm\r\n{lines}\r\n", [505]],
  ["a coding in HTTP/1.0", "POST / HTTP/1.0\r\nHost: vm\r\n{lines}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [400]],
  ["an unknown method", "SMUGGLE / HTTP/1.1\r\nHost: vm\r\n{lines}\r\n", [400, 501]],
  ["an empty name", "{get}: x\r\n\r\n", [400]],
  ["a space in a name", "{get}X Y: x\r\n\r\n", [400]],
  ["h2c", "{get}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n", [501]],
  ["a WebSocket with a body", "{get}Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabc", [400]],
];

/** A head is whole and its request may be on its way when these show; the application has seen it once at most. */
const late: readonly (readonly [name: string, text: string])[] = [
  ["garbage behind the length", "{post}Content-Length: 3\r\n\r\nabcGARBAGE"],
  ["a request hidden behind a body of no length", "{post}Content-Length: 0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: vm\r\n\r\n"],
  ["chunks that end in a line feed", "{post}Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n"],
  ["a chunk that is longer than it says", "{post}Transfer-Encoding: chunked\r\n\r\n3\r\nabcXX0\r\n\r\n"],
  ["a size of a chunk that is no hexadecimal", "{post}Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n"],
  ["a size of a chunk that overflows", "{post}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nabc\r\n0\r\n\r\n"],
  ["a length as a trailer", "{post}Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 4\r\n\r\n"],
];

async function written(text: string): Promise<string> {
  const method = text.includes("{post}") ? "POST" : (/^[A-Z]+/.exec(text)?.[0] ?? "GET");
  const lines = await signedLines("/", { method });
  return text.replace(/\{(post|get)\}/, `${method} / HTTP/1.1\r\nHost: vm\r\n${lines}`).replace("{lines}", lines);
}

describe("refused", () => {
  it.each(cases)("%s", async (_, text, statuses) => {
    const before = total();
    const answer = await exchange(`http://127.0.0.1:${listener.port}`, await written(text));
    expect(statuses).toContain(answer.status);
    expect(answer.text.match(/HTTP\/1\.1 \d/g)?.length).toBe(1);
    expect(app.received).toEqual([]);
    expect(total()).toBe(before + 1);
  });

  it.each(late)("%s", async (_, text) => {
    const answer = await exchange(`http://127.0.0.1:${listener.port}`, await written(text));
    expect(answer.text).not.toContain("hidden");
    expect(app.received.length).toBeLessThanOrEqual(1);
    expect(app.received.map(({ url }) => url)).not.toContain("/hidden");
  });

  it("leaves a listener that goes on", async () => {
    const answer = await exchange(`http://127.0.0.1:${listener.port}`, await written("{get}Connection: close\r\n\r\n"));
    expect(answer.status).toBe(200);
    expect(app.received.length).toBe(1);
  });
});
