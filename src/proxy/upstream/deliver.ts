import type { Lifetime } from "./lifetime.ts";

/** Bodies of responses on their way back. */

/** A pair whose two ends are joined; with a length, for exactly so many bytes (workerd: `FixedLengthStream`, else `IdentityTransformStream`). */
export type PassThrough = (length: number | undefined) => { readonly readable: ReadableStream; readonly writable: WritableStream };

/**
 * Stands between the two ends of a WebSocket, passes every message on as it is, and closes both when the lifetime is over. `socket` is for the
 * caller; `end` comes when the conversation is over.
 */
export type Relay = (upstream: WebSocket, lifetime: Lifetime) => { readonly socket: WebSocket; readonly end: Promise<BodyEnd> };

/** `broken`: the upstream or the caller ended it early. `unseen`: the runtime passes it on, and nobody is told how it ends. */
export type BodyEnd = "complete" | "broken" | "unseen";

/** A response of which the head is there. */
export interface Head {
  readonly response: Response;
  readonly headers: { get(name: string): string | null };
}

export interface Delivery {
  readonly body: ReadableStream | ArrayBuffer | null;
  /** How the body ended; a promise for a body that is still on its way, to be kept alive after the response. */
  readonly end: BodyEnd | Promise<BodyEnd>;
}

/** Bodies up to this size, when it is announced, are read before they are passed on, which costs less than streaming them. */
const wholeBytes = 64 * 1024;

/**
 * Leaves a short body of announced size to the runtime, which costs the least; undefined for other bodies. The lifetime stays open and
 * bounds it: the runtime drops its timers when the response is through.
 */
export function handOver({ response, headers }: Head, lifetime: Lifetime): Delivery | undefined {
  const length = lengthOf(headers);
  if (length === undefined || length > wholeBytes || lifetime.watchesSilence) return undefined;
  return { body: response.body, end: "unseen" };
}

/**
 * Passes a body on, and tells how it ended. `lifetime` is closed then, and bounds it until then. A body that breaks off is passed on as one
 * that breaks off, never as one that ends; undefined when the lifetime was over before anything was passed on.
 */
export async function deliver({ response, headers }: Head, lifetime: Lifetime, passThrough: PassThrough): Promise<Delivery | undefined> {
  const { body } = response;
  if (body === null) {
    lifetime.close();
    return { body, end: "complete" };
  }
  const length = lengthOf(headers);
  if (length === undefined || length > wholeBytes || lifetime.watchesSilence) return stream(body, lifetime, passThrough(length));
  try {
    return { body: await response.arrayBuffer(), end: "complete" };
  } catch (thrown) {
    if (lifetime.ended) return undefined;
    const { readable, writable } = passThrough(length);
    writable.abort(thrown).catch(() => undefined);
    return { body: readable, end: "broken" };
  } finally {
    lifetime.close();
  }
}

function stream(body: ReadableStream, lifetime: Lifetime, { readable, writable }: ReturnType<PassThrough>): Delivery {
  const passing = lifetime.watchesSilence ? passWatched(body, writable, lifetime) : body.pipeTo(writable);
  const end = passing.then(
    (): BodyEnd => "complete",
    (): BodyEnd => "broken",
  );
  return { body: readable, end: end.finally(() => lifetime.close()) };
}

/** Like `pipeTo`, piece by piece, so that each can be told of. */
async function passWatched(body: ReadableStream, writable: WritableStream, lifetime: Lifetime): Promise<void> {
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  const writer = (writable as WritableStream<Uint8Array>).getWriter();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      lifetime.moved();
      await writer.write(value);
      lifetime.moved();
    }
    await writer.close();
  } catch (thrown) {
    await Promise.allSettled([writer.abort(thrown), reader.cancel(thrown)]);
    throw thrown;
  }
}

function lengthOf(headers: Head["headers"]): number | undefined {
  const text = headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
