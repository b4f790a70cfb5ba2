import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { maxReplayBytes, requestBody } from "#proxy/upstream/body.ts";

const post = (body: string | ReadableStream, headers: Record<string, string> = {}): Request =>
  new Request("http://x/", { method: "POST", body, headers, duplex: "half" } as RequestInit);

const text = async (body: ReadableStream | ArrayBuffer | null): Promise<string> => new Response(body).text();

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
  const body = await requestBody(new Request("http://x/"), false);
  expect([body.isReplayable, body.forAttempt(), body.forAttempt()]).toEqual([true, null, null]);
});

test("with a length up to 64 KiB it is kept", async () => {
  const content = "x".repeat(maxReplayBytes);
  const body = await requestBody(post(content, { "content-length": String(content.length) }), true);
  expect(body.isReplayable).toBe(true);
  expect(await text(body.forAttempt())).toBe(content);
  expect(await text(body.forAttempt())).toBe(content);
});

test("beyond that, and where nothing is retried, it streams through once", async () => {
  const content = "x".repeat(maxReplayBytes + 1);
  const large = await requestBody(post(content, { "content-length": String(content.length) }), true);
  expect([large.isReplayable, await text(large.forAttempt())]).toEqual([false, content]);
  const once = await requestBody(post("small", { "content-length": "5" }), false);
  expect([once.isReplayable, await text(once.forAttempt())]).toEqual([false, "small"]);
});

describe("without a length", () => {
  test("every attempt gets all of it, wherever the one before was given up", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ minLength: 1 }), { maxLength: 6 }),
        fc.array(fc.nat(6), { maxLength: 3 }),
        async (chunks, given) => {
          const body = await requestBody(post(chunked(chunks)), true);
          for (const reads of given) {
            const reader = (body.forAttempt() as ReadableStream<Uint8Array>).getReader();
            for (let read = 0; read < reads; read++) await reader.read();
            await reader.cancel();
          }
          expect(body.isReplayable).toBe(true);
          expect(await text(body.forAttempt())).toBe(await text(chunked(chunks)));
        },
      ),
      { numRuns: 200 },
    );
  });

  test("it is not kept beyond 64 KiB, and the attempt under way still gets all of it", async () => {
    const chunks = Array.from({ length: 20 }, (_, index) => String.fromCharCode(97 + index).repeat(8 * 1024));
    const body = await requestBody(post(chunked(chunks)), true);
    expect(await text(body.forAttempt())).toBe(chunks.join(""));
    expect(body.isReplayable).toBe(false);
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
    const body = await requestBody(post(slow), true);
    const first = (body.forAttempt() as ReadableStream<Uint8Array>).getReader();
    const reading = first.read().catch(() => undefined);
    await first.cancel();
    const second = text(body.forAttempt());
    await new Promise((resolve) => setTimeout(resolve, 0));
    deliver?.();
    expect(await second).toBe("late");
    await reading;
  });
});
