/** A `Request → Response` function as a handler of Node's HTTP server: streamed, and the body is cancelled when its reader has left. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as NodeStream } from "node:stream/web";

/** Miniflare offers plain functions as well, but drains their response bodies for ever once the caller has gone. */
export function nodeService(
  answer: (request: Request) => Promise<Response>,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (incoming, outgoing) => {
    const response = await answer(await requestOf(incoming));
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    if (response.body === null) return void outgoing.end();
    outgoing.flushHeaders();
    try {
      await pipeline(Readable.fromWeb(response.body as NodeStream), outgoing);
    } catch {
      // The reader has left; the pipeline has told the source.
    }
  };
}

async function requestOf(incoming: IncomingMessage): Promise<Request> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Uint8Array);
  const method = incoming.method ?? "GET";
  const url = new URL(incoming.url ?? "/", "http://fleet");
  return new Request(url, { method, ...(chunks.length > 0 ? { body: Buffer.concat(chunks) } : {}) });
}
