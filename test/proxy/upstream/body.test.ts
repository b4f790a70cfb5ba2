import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BodySource, type BodyWatcher, isCarried, maxReplayBytes, type RequestBody, requestBody } from "#proxy/upstream/body.ts";

const post = (body: string | ReadableStream, headers: Record<string, string> = {}): Request =>
  new Request("http://x/", { method: "POST", body, headers, duplex: "half" } as RequestInit);

const stop = (): void => undefined;
const unwatched: BodyWatcher = { clientGone: stop, moved: stop, sent: stop };
const bodyOf = (source: BodySource, watcher: Partial<BodyWatcher> = {}): Promise<RequestBody> =>
  requestBody(source, { ...unwatched, ...watcher }, () => new TransformStream());

const text = async (body: ReadableStream | ArrayBuffer | null): Promise<string> => new Response(body).text();

const neverRead = (): Promise<ArrayBuffer> => Promise.reject(new Error("read"));

function chunked(chunks: readonly string[]): ReadableStream {
  const queue = chunks.map((chunk) => new TextEncoder().encode(chunk));
  return new ReadableStream({
    pull: (controller) => {
      const chunk = queue.shift();
      if (chunk) controller.enqueue(chunk);
      else controller.close();
    },
  });
}

test("no body can be sent as often as one likes", async () => {
  const body = await bodyOf(new Request("http://x/"));
  expect([body.isReplayable, body.forAttempt(stop), body.forAttempt(stop)]).toEqual([true, null, null]);
});

test("with a length up to 64 KiB it is kept", async () => {
  const content = "x".repeat(maxReplayBytes);
  const body = await bodyOf(post(content, { "content-length": String(content.length) }));
  expect(body.isReplayable).toBe(true);
  expect(await text(body.forAttempt(stop))).toBe(content);
  expect(await text(body.forAttempt(stop))).toBe(content);
});

test("beyond that it streams through once", async () => {
  const content = "x".repeat(maxReplayBytes + 1);
  const large = await bodyOf(post(content, { "content-length": String(content.length) }));
  expect([large.isReplayable, await text(large.forAttempt(stop))]).toEqual([false, content]);
});

test.each<[string, Record<string, string>, boolean]>([
  ["GET", { "content-length": "3" }, true],
  ["HEAD", { "content-length": "3" }, true],
  ["GET", { "content-length": "0" }, false],
  ["GET", {}, false],
  ["POST", { "content-length": "3" }, false],
])("the body of %s with %o can only travel within its request: %s", (method, headers, expected) => {
  expect(isCarried({ method, headers: new Headers(headers) })).toBe(expected);
});

test("the body of a GET is left to its request, and is sent once", async () => {
  const source = { method: "GET", body: chunked(["abc"]), headers: new Headers({ "content-length": "3" }), arrayBuffer: neverRead };
  const body = await bodyOf(source);
  expect([body.forAttempt(stop), body.isReplayable]).toEqual([null, false]);
  const empty = await bodyOf({ ...source, headers: new Headers({ "content-length": "0" }) });
  expect([empty.forAttempt(stop), empty.isReplayable]).toEqual([null, true]);
});

describe("without a length", () => {
  test("that it breaks off is told before the attempt sees it", async () => {
    const order: string[] = [];
    const broken = new ReadableStream({
      pull: (controller) =>
        order.length === 0 ? (order.push("sent"), controller.enqueue(new Uint8Array(3))) : controller.error(new Error("gone")),
    });
    const body = await bodyOf(post(broken), { clientGone: () => void order.push("told") });
    await text(body.forAttempt(() => void order.push("stopped"))).catch(() => order.push("seen"));
    expect(order).toEqual(["sent", "told", "stopped", "seen"]);
  });

  test("every attempt gets all of it, wherever the one before was given up", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ minLength: 1 }), { maxLength: 6 }),
        fc.array(fc.nat(6), { maxLength: 3 }),
        async (chunks, given) => {
          const body = await bodyOf(post(chunked(chunks)));
          for (const reads of given) {
            const reader = (body.forAttempt(stop) as ReadableStream<Uint8Array>).getReader();
            for (let read = 0; read < reads; read++) await reader.read();
            await reader.cancel();
          }
          expect(body.isReplayable).toBe(true);
          expect(await text(body.forAttempt(stop))).toBe(await text(chunked(chunks)));
        },
      ),
      { numRuns: 200 },
    );
  });

  test("it is not kept beyond 64 KiB, and the attempt under way still gets all of it", async () => {
    const chunks = Array.from({ length: 20 }, (_, index) => String.fromCharCode(97 + index).repeat(8 * 1024));
    const body = await bodyOf(post(chunked(chunks)));
    expect(await text(body.forAttempt(stop))).toBe(chunks.join(""));
    expect(body.isReplayable).toBe(false);
  });

  test("attempts beside each other each get all of it, at their own pace", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ minLength: 1 }), { maxLength: 6 }), fc.integer({ min: 1, max: 4 }), async (chunks, count) => {
        const body = await bodyOf(post(chunked(chunks)));
        const attempts = Array.from({ length: count }, () => body.forAttempt(stop));
        const whole = await text(chunked(chunks));
        for (const attempt of attempts) expect(await text(attempt)).toBe(whole);
      }),
      { numRuns: 100 },
    );
  });

  test("one that falls more than 64 KiB behind is stopped; the other goes on", async () => {
    const chunks = Array.from({ length: 20 }, (_, index) => String.fromCharCode(97 + index).repeat(8 * 1024));
    const body = await bodyOf(post(chunked(chunks)));
    let stopped = 0;
    const slow = (body.forAttempt(() => void (stopped += 1)) as ReadableStream<Uint8Array>).getReader();
    expect(await text(body.forAttempt(stop))).toBe(chunks.join(""));
    await expect(
      (async () => {
        while (!(await slow.read()).done);
      })(),
    ).rejects.toThrow("lags behind");
    expect(stopped).toBe(1);
  });

  test("it is told of each piece and of the end", async () => {
    let pieces = 0;
    let sent = 0;
    const body = await bodyOf(post(chunked(["a", "b", "c"])), { moved: () => void (pieces += 1), sent: () => void (sent += 1) });
    expect([pieces, sent]).toEqual([0, 0]);
    await text(body.forAttempt(stop));
    await text(body.forAttempt(stop));
    expect([pieces, sent]).toEqual([3, 1]);
  });

  test("a read that an abandoned attempt had begun is not lost", async () => {
    let deliver: (() => void) | undefined;
    const slow = new ReadableStream<Uint8Array>({
      pull: (controller) =>
        new Promise((resolve) => {
          deliver = () => {
            controller.enqueue(new TextEncoder().encode("late"));
            controller.close();
            resolve();
          };
        }),
    });
    const body = await bodyOf(post(slow));
    const first = (body.forAttempt(stop) as ReadableStream<Uint8Array>).getReader();
    const reading = first.read().catch(() => undefined);
    await first.cancel();
    const second = text(body.forAttempt(stop));
    await new Promise((resolve) => setTimeout(resolve, 0));
    deliver?.();
    expect(await second).toBe("late");
    await reading;
  });
});
