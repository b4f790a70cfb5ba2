import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { nodeService } from "#dev/runtime/node-service.ts";
import { eventually } from "../waiting.ts";

let close = async (): Promise<void> => {};
afterEach(() => close());

async function serve(answer: (request: Request) => Promise<Response>): Promise<string> {
  const handler = nodeService(answer);
  const server = createServer((request, response) => void handler(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  close = () => new Promise((resolve) => (server.close(() => resolve()), server.closeAllConnections()));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it("passes method, target, body and status", async () => {
  const origin = await serve(async (request) => {
    const { pathname, search } = new URL(request.url);
    return new Response(`${request.method} ${pathname}${search} ${await request.text()}`, { status: 418, headers: { "x-a": "b" } });
  });
  const answer = await fetch(`${origin}/p/q?r=1`, { method: "PUT", body: "body" });
  expect([answer.status, answer.headers.get("x-a"), await answer.text()]).toEqual([418, "b", "PUT /p/q?r=1 body"]);
  expect(await (await fetch(`${origin}/`)).text()).toBe("GET / ");
});

it("answers without a body", async () => {
  const origin = await serve(async () => new Response(null, { status: 204 }));
  expect((await fetch(origin, { method: "DELETE" })).status).toBe(204);
});

it("streams, and tells the source when the reader has left", async () => {
  let cancelled = false;
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({ start: (given) => void (controller = given), cancel: () => void (cancelled = true) });
  const origin = await serve(async () => new Response(body));
  const leaving = new AbortController();
  const answer = await fetch(origin, { signal: leaving.signal });
  controller?.enqueue(new Uint8Array([1, 2]));
  expect((await answer.body?.getReader().read())?.value).toEqual(new Uint8Array([1, 2]));
  leaving.abort();
  await eventually("the source is told", () => cancelled);
});
