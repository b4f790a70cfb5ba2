/** The Tunnel object in workerd: real WebSockets, its sleep, and its end. */
import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { tunnelFailureHeader } from "#tunnel/fetch.ts";
import { Mux } from "#tunnel/mux.ts";
import { connectUrl } from "#tunnel/protocol.ts";
import type { TunnelStream } from "#tunnel/stream.ts";

const { TUNNEL: tunnels } = env as unknown as { TUNNEL: DurableObjectNamespace };
const url = "http://web-1.web.us-central1-a.tunnel:8080/";

/** An agent that answers every request with `text` and the request's body, as far as it is told to. */
class Agent {
  readonly socket: WebSocket;
  readonly texts: string[] = [];
  readonly streams: TunnelStream[] = [];
  closed: { code: number; reason: string } | undefined;

  constructor(socket: WebSocket, text: string | undefined) {
    this.socket = socket;
    const flush = (): void => {
      for (let message = mux.take(); message; message = mux.take()) socket.send(message);
    };
    const mux: Mux = new Mux({
      wake: () => queueMicrotask(flush),
      opened: (stream) => {
        this.streams.push(stream);
        const readable = (): void => {
          for (let bytes = stream.read(); bytes; bytes = stream.read()) stream.write(bytes);
          if (stream.isEnded) stream.end();
        };
        stream.listen({ readable: text === undefined ? () => undefined : readable, drained: readable, reset: () => undefined });
        if (text === undefined) return;
        stream.sendResponse({ status: 200, headers: [["content-encoding", "gzip"]] }, false);
        stream.write(new TextEncoder().encode(text));
      },
    });
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => {
      if (typeof data === "string") this.texts.push(data);
      else mux.receive(new Uint8Array(data as ArrayBuffer));
    });
    socket.addEventListener("close", ({ code, reason }) => {
      this.closed = { code, reason };
    });
    socket.accept();
  }
}

async function connect(stub: DurableObjectStub, text?: string): Promise<Agent> {
  const { status, webSocket } = await stub.fetch(connectUrl, { headers: { upgrade: "websocket" } });
  expect(status).toBe(101);
  if (!webSocket) throw new Error("no WebSocket");
  return new Agent(webSocket, text);
}

/** As proxies ask: what an application compressed stays as it is. */
function ask(stub: DurableObjectStub, init: RequestInit = {}): Promise<Response> {
  return stub.fetch(url, { ...init, encodeResponseBody: "manual" });
}

async function until(fact: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!fact()) {
    if (performance.now() > deadline) throw new Error(`not so within 5 s: ${fact.toString()}`);
    await scheduler.wait(5);
  }
}

const failureOf = (response: Response): string | null => response.headers.get(tunnelFailureHeader);

describe("a Tunnel object", () => {
  test("without an agent refuses at once", async () => {
    expect(failureOf(await ask(tunnels.getByName("none")))).toBe("connection_refused");
  });

  test("hands requests to its agent and answers back, bytes as they are", async () => {
    const stub = tunnels.getByName("asked");
    await connect(stub, "hello ");
    const response = await ask(stub, { method: "POST", body: "world" });
    // What is called compressed is neither compressed nor opened on its way.
    expect([response.headers.get("content-encoding"), await response.text()]).toEqual(["gzip", "hello world"]);
  });

  test("answers pings by itself", async () => {
    const agent = await connect(tunnels.getByName("pinged"));
    agent.socket.send("ping");
    await until(() => agent.texts[0] === "pong");
  });

  test("knows its agent again after it slept, and uses no stream twice", async () => {
    const stub = tunnels.getByName("sleeping");
    const agent = await connect(stub, "before");
    expect(await (await ask(stub)).text()).toBe("before");
    await evictDurableObject(stub);
    expect(await (await ask(stub)).text()).toBe("before");
    expect(new Set(agent.streams.map(({ id }) => id)).size).toBe(2);
  });

  test("ends what is under way with its agent's connection, before and within an answer", async () => {
    const stub = tunnels.getByName("lost");
    const silent = await connect(stub);
    const waiting = ask(stub);
    await until(() => silent.streams.length === 1);
    const answering = ask(stub);
    await until(() => silent.streams.length === 2);
    silent.streams[1]?.sendResponse({ status: 200, headers: [] }, false);
    silent.streams[1]?.write(new Uint8Array(10));
    const begun = await answering;
    silent.socket.close(1000, "gone");
    expect(failureOf(await waiting)).toBe("connection_terminated");
    await expect(begun.text()).rejects.toThrow("connection_terminated");
    expect(failureOf(await ask(stub))).toBe("connection_refused");
  });

  test("gives way to a newer connection", async () => {
    const stub = tunnels.getByName("replaced");
    const older = await connect(stub, "older");
    await connect(stub, "newer");
    expect(await (await ask(stub)).text()).toBe("newer");
    await until(() => older.closed?.code === 4001);
  });

  test("closes who sends what is no frame", async () => {
    const agent = await connect(tunnels.getByName("hostile"));
    agent.socket.send(new Uint8Array([255]));
    await until(() => agent.closed !== undefined);
    expect(agent.closed?.code).toBe(1002);
  });

  test("tells its agent when a caller goes away", async () => {
    const stub = tunnels.getByName("left");
    const agent = await connect(stub);
    const caller = new AbortController();
    const waiting = ask(stub, { signal: caller.signal });
    await until(() => agent.streams.length === 1);
    caller.abort();
    await expect(waiting).rejects.toThrow();
    await until(() => agent.streams[0]?.isOver === true);
  });
});
