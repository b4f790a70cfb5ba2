import type { Lifetime } from "./lifetime.ts";

/** Bodies of responses on their way back. */

/** A pair whose two ends are joined; with a length, for exactly so many bytes (workerd: `FixedLengthStream`, else `IdentityTransformStream`). */
export type PassThrough = (length: number | undefined) => { readonly readable: ReadableStream; readonly writable: WritableStream };

/** `broken`: the upstream or the caller ended it early. */
export type BodyEnd = "complete" | "broken";

export interface Delivery {
  readonly body: ReadableStream | ArrayBuffer | null;
  /** How the body ended; a promise for a body that is still on its way, to be kept alive after the response. */
  readonly end: BodyEnd | Promise<BodyEnd>;
}

/** Bodies up to this size, when it is announced, are read before they are passed on, which costs less than streaming them. */
const wholeBytes = 64 * 1024;

/**
 * Passes a body on, and tells how it ended. `lifetime` is closed then, and bounds it until then. A body that breaks off is passed on as one
 * that breaks off, never as one that ends; undefined when the lifetime was over before anything was passed on.
 */
export async function deliver(response: Response, lifetime: Lifetime, passThrough: PassThrough): Promise<Delivery | undefined> {
  const { body } = response;
  if (body === null) {
    lifetime.close();
    return { body, end: "complete" };
  }
  const length = lengthOf(response.headers);
  if (length === undefined || length > wholeBytes) return stream(body, lifetime, passThrough(length));
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
  const end = body.pipeTo(writable).then(
    (): BodyEnd => "complete",
    (): BodyEnd => "broken",
  );
  return { body: readable, end: end.finally(() => lifetime.close()) };
}

function lengthOf(headers: Headers): number | undefined {
  const text = headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
