/** WebSockets through a tunnel. */
import { describe, expect, it } from "vitest";
import { type Agent, type Caller, Harness, respond, settle } from "./gateway-harness.ts";
import type { Recorder } from "./pair.ts";

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
