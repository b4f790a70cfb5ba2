/** The mesh's end of a tunnel: requests, failures, connections. */
import { describe, expect, it } from "vitest";
import { tunnelFailureHeader } from "#tunnel/fetch.ts";
import { mostStreams } from "#tunnel/mux.ts";
import { failureOf, Harness, respond, settle } from "./gateway-harness.ts";

describe("a request", () => {
  it("reaches the agent as it was sent, and the answer comes back as it was given", async () => {
    const harness = new Harness();
    const agent = harness.connect(
      respond(
        {
          status: 201,
          headers: [
            ["content-type", "text/x"],
            ["set-cookie", "a=1"],
            ["set-cookie", "b=2"],
            ["connection", "close"],
            [tunnelFailureHeader, "x"],
          ],
        },
        "hello",
      ),
    );
    const headers = { "x-forwarded-host": "shop.test", connection: "close", te: "trailers", "x-one": "1" };
    const response = await harness.fetch("/a%20b?c=d", { method: "PUT", headers });
    expect(agent.asked[0]?.head).toMatchObject({ method: "PUT", path: "/a%20b?c=d", port: 8080 });
    const sent = agent.asked[0]?.head.headers.filter(([name]) => name !== "content-length");
    expect(sent).toEqual([
      ["x-forwarded-host", "shop.test"],
      ["x-one", "1"],
    ]);
    expect([response.status, await response.text()]).toEqual([201, "hello"]);
    expect([...response.headers]).toEqual([
      ["content-type", "text/x"],
      ["set-cookie", "a=1"],
      ["set-cookie", "b=2"],
    ]);
    expect(agent.mux.size).toBe(0);
  });

  it("streams both ways", async () => {
    const harness = new Harness();
    const agent = harness.connect((stream) => stream.sendResponse({ status: 200, headers: [] }, false));
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const response = await harness.fetch("/", { method: "POST", body: readable, duplex: "half" });
    const [writer, reader] = [writable.getWriter(), response.body?.getReader()];
    const server = agent.asked[0]?.recorder;
    for (const letter of ["a", "b", "c"]) {
      await writer.write(Buffer.from(letter));
      await settle();
      expect(String(server?.readAll())).toBe(letter);
      server?.stream.write(Buffer.from(letter.toUpperCase()));
      expect(String(Buffer.from((await reader?.read())?.value ?? []))).toBe(letter.toUpperCase());
    }
    await writer.close();
    await settle();
    expect(server?.stream.isEnded).toBe(true);
    server?.stream.end();
    expect(await reader?.read()).toMatchObject({ done: true });
  });

  it.each([204, 304])("with status %d has no body, whatever the agent sends", async (status) => {
    const harness = new Harness();
    const agent = harness.connect(respond({ status, headers: [] }, "what?"));
    const response = await harness.fetch();
    expect([response.status, response.body]).toEqual([status, null]);
    await settle();
    expect(agent.mux.size).toBe(0);
  });

  it("is cancelled at the agent when its caller goes away, before the answer and within it", async () => {
    const harness = new Harness();
    const agent = harness.connect((stream, { path }) => {
      if (path === "/answering") stream.sendResponse({ status: 200, headers: [] }, false);
    });
    for (const path of ["/silent", "/answering"]) {
      const caller = new AbortController();
      const answer = harness.fetch(path, { signal: caller.signal });
      await settle();
      caller.abort();
      await settle();
      expect(agent.asked.at(-1)?.recorder.events.at(-1)).toBe("reset cancelled: the caller went away");
      const response = await answer;
      if (path === "/answering") await expect(response.text()).rejects.toThrow("connection_terminated");
      else expect(failureOf(response)).toBe("connection_terminated");
    }
    expect(agent.mux.size).toBe(0);
  });

  it("whose body breaks off never seems to be whole", async () => {
    const harness = new Harness();
    const agent = harness.connect();
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(Buffer.from("half")),
      pull: () => Promise.reject(new Error("gone")),
    });
    const response = await harness.fetch("/", { method: "POST", body, duplex: "half" });
    expect(failureOf(response)).toBe("connection_terminated");
    await settle();
    expect(agent.asked[0]?.recorder.events.at(-1)).toMatch(/^reset cancelled/);
  });

  it("that is answered by a switch of protocols unasked has no answer", async () => {
    const harness = new Harness();
    const agent = harness.connect((stream) => stream.sendResponse({ status: 101, headers: [] }, false));
    expect(failureOf(await harness.fetch())).toBe("connection_terminated");
    await settle();
    expect(agent.mux.size).toBe(0);
  });
});

describe("without an answer", () => {
  it("no tunnel is a refused connection, at once", async () => {
    expect(failureOf(await new Harness().fetch())).toBe("connection_refused");
  });

  it.each([
    ["refused", "connection_refused"],
    ["unreachable", "connection_refused"],
    ["broken", "connection_terminated"],
  ] as const)("a stream that is reset as %s is %s", async (code, failure) => {
    const harness = new Harness();
    harness.connect((stream) => stream.reset(code, "so it is"));
    const response = await harness.fetch();
    expect([failureOf(response), await response.text()]).toEqual([failure, "so it is"]);
  });

  it("a lost connection ends all requests at once: those that wait, and those that are being answered", async () => {
    const harness = new Harness();
    const agent = harness.connect((stream, { path }) => {
      if (path === "/answering") stream.sendResponse({ status: 200, headers: [] }, false);
    });
    const waiting = harness.fetch("/waiting");
    const answering = await harness.fetch("/answering");
    harness.gateway.closed(agent);
    expect(failureOf(await waiting)).toBe("connection_terminated");
    await expect(answering.text()).rejects.toThrow("connection_terminated: the tunnel was lost");
    expect(failureOf(await harness.fetch())).toBe("connection_refused");
  });

  it("an answer that has come whole is delivered, whatever becomes of the tunnel then", async () => {
    const harness = new Harness();
    const agent = harness.connect();
    const answering = harness.fetch();
    await settle();
    const server = agent.asked[0]?.recorder.stream;
    server?.sendResponse({ status: 200, headers: [] }, false);
    const response = await answering;
    for (const piece of ["one ", "two ", "three"]) server?.write(Buffer.from(piece));
    server?.end();
    await settle();
    harness.gateway.closed(agent);
    expect(await response.text()).toBe("one two three");
  });

  it("a socket that cannot be sent to is a lost connection", async () => {
    const harness = new Harness();
    harness.connect().isBroken = true;
    expect(failureOf(await harness.fetch())).toBe("connection_terminated");
    expect(failureOf(await harness.fetch())).toBe("connection_refused");
  });

  it("an agent that has not pinged for long is gone, and is told so", async () => {
    const harness = new Harness();
    const agent = harness.connect(respond({ status: 200, headers: [] }));
    harness.now += 44_000;
    expect((await harness.fetch()).status).toBe(200);
    harness.now += 46_000;
    expect(failureOf(await harness.fetch())).toBe("connection_refused");
    expect(agent.closed?.reason).toBe("no ping came in time");
  });

  it("one request more than there may be is refused", async () => {
    const harness = new Harness();
    harness.connect();
    for (let request = 0; request < mostStreams; request++) void harness.fetch();
    expect(failureOf(await harness.fetch())).toBe("connection_refused");
  });
});

describe("connections", () => {
  it("a newer one takes over; the older finishes what it has, and is closed as replaced", async () => {
    const harness = new Harness();
    const older = harness.connect();
    const begun = harness.fetch("/begun");
    await settle();
    const newer = harness.connect(respond({ status: 200, headers: [] }, "newer"));
    expect(await (await harness.fetch()).text()).toBe("newer");
    await settle();
    expect([older.closed, older.mux.canOpen]).toEqual([undefined, false]);
    const [asked] = older.asked;
    if (asked) respond({ status: 200, headers: [] }, "older")(asked.recorder.stream);
    expect(await (await begun).text()).toBe("older");
    await settle();
    expect([older.closed?.code, newer.closed]).toEqual([4001, undefined]);
  });

  it("an older one that has nothing to do is closed at once", async () => {
    const harness = new Harness();
    const older = harness.connect();
    harness.connect();
    await settle();
    expect(older.closed?.code).toBe(4001);
  });

  it("an agent that goes away gets no more requests", async () => {
    const harness = new Harness();
    const agent = harness.connect(respond({ status: 200, headers: [] }));
    expect((await harness.fetch()).status).toBe(200);
    agent.mux.goAway();
    await settle();
    expect(failureOf(await harness.fetch())).toBe("connection_refused");
    expect(agent.closed).toBeUndefined();
  });

  it.each([
    ["text", "hello", 1003],
    ["bytes that are no frames", new Uint8Array([255]).buffer, 1002],
    ["a message that is too large", new ArrayBuffer(2_000_000), 1009],
  ])("%s closes it, and its requests fail", async (_what, message, code) => {
    const harness = new Harness();
    const agent = harness.connect();
    const waiting = harness.fetch();
    await settle();
    harness.gateway.received(agent, message);
    expect(agent.closed?.code).toBe(code);
    expect(failureOf(await waiting)).toBe("connection_terminated");
    // What still comes of it is nobody's.
    harness.gateway.received(agent, message);
  });
});
