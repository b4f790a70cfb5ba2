/** Request bodies that can be sent more than once. */

/** The largest body that is kept for a retry (Linkerd's limit). */
export const maxReplayBytes = 64 * 1024;

export interface RequestBody {
  /** The body for the next attempt. */
  forAttempt(): ReadableStream | ArrayBuffer | null;
  /** Whether another attempt would get the whole body. */
  readonly isReplayable: boolean;
}

/** A request as far as its body is concerned. */
export interface BodySource {
  readonly body: ReadableStream | null;
  readonly headers: { get(name: string): string | null };
  arrayBuffer(): Promise<ArrayBuffer>;
}

/**
 * The body of `request`. With `mayRetry` it is kept for a retry as long as it is not larger than 64 KiB: read whole when its length is said,
 * else noted down while it streams. Without `mayRetry`, and above the limit, it streams through and can be sent once.
 */
export async function requestBody(request: BodySource, mayRetry: boolean): Promise<RequestBody> {
  const { body } = request;
  if (body === null) return { forAttempt: () => null, isReplayable: true };
  if (!mayRetry) return once(body);
  const length = request.headers.get("content-length");
  if (length === null) return new NotedBody(body);
  if (Number(length) > maxReplayBytes) return once(body);
  const bytes = await request.arrayBuffer();
  return { forAttempt: () => bytes, isReplayable: true };
}

function once(body: ReadableStream): RequestBody {
  return { forAttempt: () => body, isReplayable: false };
}

/** Streams to the first attempt while noting down; a later attempt gets what was noted and then the rest. */
class NotedBody implements RequestBody {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #chunks: Uint8Array[] = [];
  #size = 0;
  #isOver = false;
  #isTooLarge = false;
  #attempt = 0;
  /** A read that an abandoned attempt began; its chunk belongs to the next one. */
  #reading: Promise<void> | undefined;

  constructor(body: ReadableStream) {
    this.#reader = body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  }

  get isReplayable(): boolean {
    return !this.#isTooLarge;
  }

  forAttempt(): ReadableStream {
    const attempt = ++this.#attempt;
    let next = 0;
    return new ReadableStream({
      pull: async (controller) => {
        while (next >= this.#chunks.length && !this.#isOver) {
          this.#reading ??= this.#read();
          await this.#reading;
        }
        // Its attempt was given up while it waited: what came is for the next one.
        if (attempt !== this.#attempt) return;
        const chunk = this.#chunks[next++];
        if (chunk === undefined) {
          controller.close();
          return;
        }
        controller.enqueue(chunk);
        // Beyond the limit no other attempt follows, and what was sent is let go.
        if (this.#isTooLarge && next === this.#chunks.length) this.#chunks.length = next = 0;
      },
    });
  }

  async #read(): Promise<void> {
    const { done, value } = await this.#reader.read();
    this.#reading = undefined;
    if (done) {
      this.#isOver = true;
      return;
    }
    this.#chunks.push(value);
    this.#size += value.length;
    this.#isTooLarge = this.#size > maxReplayBytes;
  }
}
