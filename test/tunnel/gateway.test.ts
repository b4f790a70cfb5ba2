/** The mesh's end of a tunnel, over sockets that the test plays. */
import { describe, expect, it } from "vitest";
import { seededRandom } from "#base/random.ts";
import type { CallerSocket } from "#tunnel/conversation.ts";
import { tunnelFailureHeader } from "#tunnel/fetch.ts";
import { Gateway, type TunnelSocket } from "#tunnel/gateway.ts";
import type { RequestHead, ResponseHead } from "#tunnel/head.ts";
import { Mux, mostStreams } from "#tunnel/mux.ts";
import type { TunnelStream } from "#tunnel/stream.ts";
import { Recorder } from "./pair.ts";

const url = "http://web-1.web.us-central1-a.tunnel:8080";

interface Asked {
  readonly head: RequestHead;
  readonly recorder: Recorder;
}

/** An agent on the other end of a socket. */
class Agent implements TunnelSocket {
  readonly #gateway: Gateway;
  readonly mux: Mux;
  readonly asked: Asked[] = [];
  closed: { code: number; reason: string } | undefined;
  isBroken = false;

  constructor(gateway: Gateway, answer?: (stream: TunnelStream, head: RequestHead) => void) {
    this.#gateway = gateway;
    this.mux = new Mux({
      wake: () => queueMicrotask(() => this.#flush()),
      opened: (stream, head) => {
        this.asked.push({ head, recorder: new Recorder(stream) });
        answer?.(stream, head);
      },
    });
  }

  send(message: Uint8Array<ArrayBuffer>): void {
    if (this.isBroken) throw new Error("closed");
    const fault = this.mux.receive(message);
    if (fault) throw fault;
  }

  close(code: number, reason: string): void {
    this.closed = { code, reason };
  }

  #flush(): void {
    for (let message = this.mux.take(); message; message = this.mux.take()) this.#gateway.received(this, message.buffer);
  }
}

/** The mesh's end of a caller's WebSocket. */
class Caller implements CallerSocket {
  readonly got: (string | ArrayBuffer)[] = [];
  closed: readonly [code: number | undefined, reason: string | undefined] | undefined;
  listener: Parameters<CallerSocket["listen"]>[0] | undefined;

  send(message: string | ArrayBuffer): void {
    this.got.push(message);
  }

  close(code?: number, reason?: string): void {
    this.closed = [code, reason];
  }

  listen(listener: Parameters<CallerSocket["listen"]>[0]): void {
    this.listener = listener;
  }
}

class Harness {
  now = 1_000_000;
  readonly callers: Caller[] = [];
  readonly gateway = new Gateway({
    clock: { now: () => this.now },
    random: seededRandom(1),
    passThrough: () => new TransformStream(),
    switchToWebSocket: (protocol) => {
      this.callers.push(new Caller());
      return { response: new Response(null, { headers: { switched: protocol ?? "" } }), socket: this.callers.at(-1) as Caller };
    },
  });

  connect(answer?: (stream: TunnelStream, head: RequestHead) => void): Agent {
    const agent = new Agent(this.gateway, answer);
    const connectedAtMs = this.now;
    this.gateway.connected(agent, () => connectedAtMs);
    return agent;
  }

  fetch(path = "/", init?: RequestInit & { duplex?: "half" }): Promise<Response> {
    return this.gateway.fetch(new Request(url + path, init));
  }
}

/** Lets everything happen that waits for nothing. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

const respond =
  (head: ResponseHead, body = ""): ((stream: TunnelStream) => void) =>
  (stream) => {
    stream.sendResponse(head, body === "");
    stream.write(new TextEncoder().encode(body));
    stream.end();
  };

const failureOf = (response: Response): string | null => response.headers.get(tunnelFailureHeader);

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

describe("a WebSocket", () => {
  const headers = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-key": "x",
    "sec-websocket-version": "13",
    "sec-websocket-extensions": "permessage-deflate",
    "sec-websocket-protocol": "chat",
  };
  const unmasked = (opcode: number, ...payload: number[]): Uint8Array => Uint8Array.of(0x80 | opcode, payload.length, ...payload);
  const opened = async (): Promise<{ harness: Harness; caller: Caller; server: Recorder; agent: Agent }> => {
    const harness = new Harness();
    const agent = harness.connect((stream) => stream.sendResponse({ status: 101, headers: [["Sec-WebSocket-Protocol", "chat"]] }, false));
    const response = await harness.fetch("/socket", { headers });
    expect([response.headers.get("switched"), agent.asked[0]?.head]).toEqual([
      "chat",
      { method: "GET", path: "/socket", port: 8080, headers: [["sec-websocket-protocol", "chat"]], isWebSocket: true },
    ]);
    return { harness, agent, caller: harness.callers[0] as Caller, server: agent.asked[0]?.recorder as Recorder };
  };
  /** What the application's connection got, without its masks: opcodes and payloads. */
  const heard = (bytes: Uint8Array): [opcode: number, text: string][] => {
    const found: [number, string][] = [];
    for (let at = 0; at < bytes.length;) {
      const length = (bytes[at + 1] ?? 0) & 0x7f;
      const mask = bytes.subarray(at + 2, at + 6);
      const payload = bytes.subarray(at + 6, at + 6 + length).map((byte, index) => byte ^ (mask[index & 3] ?? 0));
      found.push([(bytes[at] ?? 0) & 0x0f, Buffer.from(payload).toString("latin1")]);
      at += 6 + length;
    }
    return found;
  };

  it("passes messages both ways and answers the application's pings", async () => {
    const { caller, server } = await opened();
    caller.listener?.message("hi");
    caller.listener?.message(Uint8Array.of(1, 2).buffer);
    server.stream.write(Buffer.concat([unmasked(1, 0x61), unmasked(9, 0x62), unmasked(2, 7)]));
    await settle();
    expect(caller.got).toEqual(["a", Uint8Array.of(7).buffer]);
    await settle();
    expect(heard(server.readAll())).toEqual([
      [1, "hi"],
      [2, "\x01\x02"],
      [10, "b"],
    ]);
  });

  it("that the caller closes is closed at the application, and nothing is left of it", async () => {
    const { agent, caller, server } = await opened();
    caller.listener?.close(4000, "done");
    await settle();
    expect(heard(server.readAll())).toEqual([[8, "\x0f\xa0done"]]);
    expect(server.stream.isEnded).toBe(true);
    server.stream.write(unmasked(8, 0x0f, 0xa0));
    server.stream.end();
    await settle();
    expect(agent.mux.size).toBe(0);
  });

  it("that the application closes is closed at the caller", async () => {
    const { agent, caller, server } = await opened();
    server.stream.write(unmasked(8, 0x0f, 0xa1, 0x6f, 0x6b));
    server.stream.end();
    await settle();
    expect(caller.closed).toEqual([4001, "ok"]);
    expect(heard(server.readAll())).toEqual([[8, "\x0f\xa1"]]);
    await settle();
    expect(agent.mux.size).toBe(0);
  });

  it.each<[string, (server: Recorder, harness: Harness, agent: Agent) => void, number]>([
    ["the application's connection ends without a word", (server) => server.stream.end(), 1001],
    ["the application's connection breaks", (server) => server.stream.reset("broken", ""), 1001],
    ["the tunnel is lost", (_server, harness, agent) => harness.gateway.closed(agent), 1001],
    ["the application sends what is no frame", (server) => server.stream.write(Uint8Array.of(0xff, 0xff)), 1002],
  ])("is closed when %s", async (_what, happen, code) => {
    const { agent, caller, harness, server } = await opened();
    happen(server, harness, agent);
    await settle();
    expect(caller.closed?.[0]).toBe(code);
  });

  it("whose application does not read is given up before it fills the memory", async () => {
    const { agent, caller } = await opened();
    for (let message = 0; message < 10; message++) caller.listener?.message(new ArrayBuffer(1_000_000));
    await settle();
    expect([caller.closed?.[0], agent.asked[0]?.recorder.events.at(-1)]).toEqual([1013, "reset cancelled: the conversation is over"]);
  });

  it("that the application refuses is answered as it says", async () => {
    const harness = new Harness();
    const agent = harness.connect(respond({ status: 403, headers: [] }, "not you"));
    const response = await harness.fetch("/socket", { headers });
    expect([response.status, await response.text()]).toEqual([403, "not you"]);
    await settle();
    expect(agent.mux.size).toBe(0);
  });
});
