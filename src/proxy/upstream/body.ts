import type { PassThrough } from "./deliver.ts";

/** Request bodies that can be sent more than once. */

/** The largest body that is kept for another attempt (Linkerd's limit). */
export const maxReplayBytes = 64 * 1024;

export interface RequestBody {
  /** The body for one more attempt. `stop` ends that attempt; it is called before a body that cannot be sent whole fails. */
  forAttempt(stop: () => void): ReadableStream | ArrayBuffer | null;
  /** Whether another attempt would get the whole body. */
  readonly isReplayable: boolean;
  /** All of it once it is there, null when there is none; undefined when it is larger than is kept, cannot be copied, or never comes whole. */
  readonly whole: Promise<ArrayBuffer | null | undefined>;
}

/** A request as far as its body is concerned. */
export interface BodySource {
  readonly method: string;
  readonly body: ReadableStream | null;
  readonly headers: { get(name: string): string | null };
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** Who is told how the caller's body goes on. */
export interface BodyWatcher {
  /** It broke off: whatever is under way must be stopped at once, or it would seem to be whole. */
  readonly clientGone: () => void;
  /** A piece of it came. */
  readonly moved: () => void;
  /** All of it is there. */
  readonly sent: () => void;
  /** More came than `maxBytes`; called before the body fails. Absent: it may be as large as it likes. */
  readonly tooLarge?: () => void;
  readonly maxBytes?: number;
  /** The route bounds how long a caller may take, so that no body is waited for before its attempt begins. */
  readonly mustStream?: boolean;
}

/**
 * Whether the body can only travel within the request that it came in: workerd takes no body for a GET or HEAD that it is to make. One of
 * no length it does not pass on at all.
 */
export function isCarried({ method, headers }: Pick<BodySource, "method" | "headers">): boolean {
  return isBodiless(method) && Number(headers.get("content-length") ?? 0) > 0;
}

function isBodiless(method: string): boolean {
  return method === "GET" || method === "HEAD";
}

/**
 * The body of `request`. Up to 64 KiB it is kept for other attempts: read whole when its length is said, else noted down while it streams.
 * Larger ones stream through and can be sent once. Rejects when a body that is read whole breaks off.
 */
export async function requestBody(request: BodySource, watcher: BodyWatcher, passThrough: PassThrough): Promise<RequestBody> {
  const { headers, method } = request;
  const body = isBodiless(method) ? null : request.body;
  if (body === null) {
    watcher.sent();
    const isReplayable = !isCarried(request);
    return { forAttempt: () => null, isReplayable, whole: Promise.resolve(isReplayable ? null : undefined) };
  }
  const text = headers.get("content-length");
  const length = text === null ? undefined : Number(text);
  if (length === undefined || length > maxReplayBytes || watcher.mustStream === true)
    return new StreamedBody({ body, length }, watcher, () => passThrough(length));
  const bytes = await request.arrayBuffer();
  watcher.sent();
  return { forAttempt: () => bytes, isReplayable: length <= maxReplayBytes, whole: Promise.resolve(bytes) };
}

/**
 * A body that is read once and sent by several attempts, each at its own pace. The newest 64 KiB of it are at hand; an attempt that lags
 * further behind than that is stopped.
 */
class StreamedBody implements RequestBody {
  readonly #whole = Promise.withResolvers<ArrayBuffer | undefined>();
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #length: number;
  readonly #watcher: BodyWatcher;
  readonly #passThrough: () => ReturnType<PassThrough>;
  readonly #chunks: Uint8Array[] = [];
  /** Chunks that are no longer at hand. */
  #dropped = 0;
  #bytesAtHand = 0;
  #bytes = 0;
  #isOver = false;
  /** The read under way; whoever began it, its chunk is for all. */
  #reading: Promise<void> | undefined;

  constructor(
    { body, length }: { readonly body: ReadableStream; readonly length: number | undefined },
    watcher: BodyWatcher,
    passThrough: () => ReturnType<PassThrough>,
  ) {
    this.#reader = body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    this.#length = length ?? 0;
    this.#watcher = watcher;
    this.#passThrough = passThrough;
  }

  get isReplayable(): boolean {
    return Math.max(this.#length, this.#bytes) <= maxReplayBytes;
  }

  get whole(): Promise<ArrayBuffer | undefined> {
    return this.#whole.promise;
  }

  forAttempt(stop: () => void): ReadableStream {
    const { readable, writable } = this.#passThrough();
    void this.#send(writable.getWriter() as WritableStreamDefaultWriter<Uint8Array>, stop);
    return readable;
  }

  /** Never rejects: an attempt that is over cancels its end of the stream, which is no fault. */
  async #send(writer: WritableStreamDefaultWriter<Uint8Array>, stop: () => void): Promise<void> {
    try {
      for (let place = 0; ; place++) {
        const chunk = await this.#chunk(place);
        if (chunk === undefined) break;
        await writer.write(chunk);
      }
      await writer.close();
    } catch (thrown) {
      // First: workerd ends a chunked request properly when the stream behind it fails.
      stop();
      await writer.abort(thrown).catch(() => undefined);
    }
  }

  /** Undefined behind the last. Throws when it is no longer at hand, or never comes. */
  async #chunk(place: number): Promise<Uint8Array | undefined> {
    while (place >= this.#dropped + this.#chunks.length && !this.#isOver) {
      this.#reading ??= this.#read();
      await this.#reading;
    }
    if (place < this.#dropped) throw new Error("the attempt lags behind the request's body");
    return this.#chunks[place - this.#dropped];
  }

  async #read(): Promise<void> {
    const { done, value } = await this.#reader.read().catch((thrown: unknown) => this.#fail(this.#watcher.clientGone, thrown));
    this.#reading = undefined;
    this.#isOver = done;
    if (done) {
      this.#whole.resolve(this.isReplayable ? joined(this.#chunks) : undefined);
      return this.#watcher.sent();
    }
    this.#watcher.moved();
    this.#chunks.push(value);
    this.#bytes += value.length;
    this.#bytesAtHand += value.length;
    if (!this.isReplayable) this.#whole.resolve(undefined);
    const { maxBytes = Number.POSITIVE_INFINITY, tooLarge } = this.#watcher;
    if (this.#bytes > maxBytes) this.#fail(tooLarge, new Error("the request's body is too large"));
    while (this.#bytesAtHand > maxReplayBytes && this.#chunks.length > 1) {
      this.#bytesAtHand -= this.#chunks.shift()?.length ?? 0;
      this.#dropped += 1;
    }
  }

  #fail(tell: (() => void) | undefined, thrown: unknown): never {
    tell?.();
    this.#whole.resolve(undefined);
    throw thrown;
  }
}

function joined(chunks: readonly Uint8Array[]): ArrayBuffer {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes.buffer;
}
