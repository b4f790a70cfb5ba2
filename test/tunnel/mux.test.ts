/** Many streams over one connection: order, windows, fairness, ends. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Frame } from "#tunnel/frame.ts";
import { Mux, mostStreams } from "#tunnel/mux.ts";
import { windows } from "#tunnel/window.ts";
import { encodeFrames, getRequest, okResponse, Pair, type Recorder } from "./pair.ts";

/** Bytes that tell where in their stream they belong. */
function bytesOf(seed: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (seed * 31 + at * 7 + (at >> 8)) & 0xff);
}

describe("a request and its response", () => {
  it("go there and back, and leave nothing behind", () => {
    const pair = new Pair((server) => {
      server.stream.sendResponse(okResponse, false);
      server.stream.write(bytesOf(1, 10));
      server.stream.end();
    });
    const client = pair.open();
    pair.settle();
    expect(client.events[0]).toBe("head 200");
    expect(client.readAll()).toEqual(Buffer.from(bytesOf(1, 10)));
    expect([client.stream.isEnded, client.stream.isOver, pair.mesh.size, pair.agent.size]).toEqual([true, true, 0, 0]);
  });

  it("fit into one message each way when they are small", () => {
    const pair = new Pair((server) => {
      server.stream.sendResponse(okResponse, false);
      server.stream.write(bytesOf(1, 1024));
      server.stream.end();
    });
    pair.open();
    expect([pair.pass("mesh"), pair.pass("mesh")]).toEqual([true, false]);
    expect([pair.pass("agent"), pair.pass("agent")]).toEqual([true, false]);
  });

  it("an answer that comes before the whole request is read, and the rest of the request is not sent", () => {
    const pair = new Pair((server) => server.stream.sendResponse(okResponse, true));
    const client = pair.open(false);
    client.stream.write(bytesOf(1, 200_000));
    pair.settle();
    client.stream.stopSending();
    pair.settle();
    expect(client.events).toContain("head 200");
    expect(pair.accepted[0]?.events.at(-1)).toMatch(/^reset cancelled/);
    expect([pair.mesh.size, pair.agent.size]).toEqual([0, 0]);
  });
});

describe("flow control", () => {
  it("stops a stream whose reader is slow, and no other", () => {
    const pair = new Pair((server) => {
      server.stream.sendResponse(okResponse, false);
      server.stream.write(new Uint8Array(10_000_000));
      server.stream.end();
    });
    const slow = Array.from({ length: 100 }, () => pair.open());
    pair.settle();
    // What the slow ones hold is what was reserved for them.
    expect(slow.every((client) => client.readAll().length === windows.reserved)).toBe(true);
    const quick = pair.open();
    let got = 0;
    while (!quick.stream.isEnded) {
      const before = got;
      pair.settle();
      got += quick.readAll().length;
      if (got === before) throw new Error(`it stalled after ${got} bytes`);
    }
    expect(got).toBe(10_000_000);
  });

  it("holds no more than its bound, whatever readers do", () => {
    const pair = new Pair((server) => {
      server.stream.sendResponse(okResponse, false);
      server.stream.write(new Uint8Array(2_000_000));
    });
    const clients = Array.from({ length: mostStreams }, () => pair.open());
    // Everybody reads a little, so that all windows grow as far as they may, and then nobody does.
    for (let round = 0; round < 4; round++) {
      pair.settle();
      for (const client of clients) client.stream.read();
    }
    pair.settle();
    expect(pair.mesh.sharedBytes).toBeLessThanOrEqual(windows.shared);
    for (const client of clients) client.stream.reset("cancelled", "");
    pair.settle();
    expect([pair.mesh.sharedBytes, pair.agent.sharedBytes, pair.mesh.size, pair.agent.size]).toEqual([0, 0, 0, 0]);
  });

  it("tells who writes to wait, and when to go on", () => {
    const pair = new Pair();
    const client = pair.open(false);
    client.stream.write(new Uint8Array(300_000));
    expect(client.stream.isFull).toBe(true);
    pair.settle();
    expect(client.stream.isFull).toBe(true);
    for (let round = 0; round < 10; round++) {
      pair.accepted[0]?.readAll();
      pair.settle();
    }
    expect([client.stream.isFull, client.events]).toEqual([false, ["drained"]]);
  });

  it("lets a small answer pass between the pieces of large ones", () => {
    const pair = new Pair((server) => {
      server.stream.sendResponse(okResponse, false);
      server.stream.write(new Uint8Array(pair.accepted.length <= 10 ? 60_000 : 100));
      server.stream.end();
    });
    for (let large = 0; large < 10; large++) pair.open();
    const small = pair.open();
    while (pair.pass("mesh"));
    let messages = 0;
    while (!small.stream.isWhole) {
      expect(pair.pass("agent")).toBe(true);
      messages += 1;
    }
    // Eleven turns of 16 KiB at most, and not the 600,000 bytes that were there before.
    expect(messages).toBeLessThanOrEqual(4);
  });
});

describe("ends", () => {
  it("a reset of either side reaches the other, and leaves nothing behind", () => {
    const pair = new Pair();
    const [first, second] = [pair.open(false), pair.open(false)];
    pair.settle();
    first.stream.reset("cancelled", "the caller went away");
    pair.accepted[1]?.stream.reset("unreachable", "nobody listens");
    pair.settle();
    expect(pair.accepted[0]?.events).toEqual(["reset cancelled: the caller went away"]);
    expect(second.events).toEqual(["reset unreachable: nobody listens"]);
    expect([pair.mesh.size, pair.agent.size]).toEqual([0, 0]);
  });

  it("what crosses a reset is dropped, and its sender is told", () => {
    const pair = new Pair((server) => server.stream.sendResponse(okResponse, false));
    const client = pair.open();
    pair.settle();
    pair.accepted[0]?.stream.write(bytesOf(1, 100));
    client.stream.reset("cancelled", "");
    pair.pass("agent");
    pair.settle();
    expect([client.readAll().length, pair.mesh.size, pair.agent.size]).toEqual([0, 0, 0]);
  });

  it("a lost connection fails all streams at once", () => {
    const pair = new Pair();
    const clients = [pair.open(), pair.open(false)];
    pair.mesh.fail("the tunnel was lost");
    expect(clients.map(({ events }) => events)).toEqual([["reset broken: the tunnel was lost"], ["reset broken: the tunnel was lost"]]);
    expect(pair.mesh.size).toBe(0);
  });

  it("who goes away takes nothing more, and finishes what it has", () => {
    const pair = new Pair();
    const before = pair.open();
    pair.settle();
    pair.agent.goAway();
    const late = pair.open();
    pair.settle();
    expect(late.events).toEqual(["reset refused: the agent is going away"]);
    expect(pair.mesh.canOpen).toBe(false);
    pair.accepted[0]?.stream.sendResponse(okResponse, true);
    pair.settle();
    expect([before.events[0], pair.mesh.size, pair.agent.size]).toEqual(["head 200", 0, 0]);
  });

  it("one stream more than there may be is refused", () => {
    const pair = new Pair();
    for (let stream = 0; stream < mostStreams; stream++) {
      expect(pair.mesh.canOpen).toBe(true);
      pair.open();
    }
    expect(pair.mesh.canOpen).toBe(false);
    pair.settle();
    const extra = { type: "open", stream: 0x7000_0000, head: getRequest, end: true } as const;
    expect(pair.agent.receive(encodeFrames([extra]))).toBeUndefined();
    expect(pair.agent.size).toBe(mostStreams);
  });

  it("ids go on from their greatest to 1, and those in use are left out", () => {
    const ids = new Mux({ wake: () => undefined }, 0xffff_fffe);
    expect([ids.open().id, ids.open().id, ids.open().id]).toEqual([0xffff_fffe, 0xffff_ffff, 1]);
  });
});

describe("a peer that breaks the rules is found out", () => {
  const pairWithStream = (): { pair: Pair; id: number } => {
    const pair = new Pair();
    const { id } = pair.open(false).stream;
    pair.settle();
    return { pair, id };
  };
  const data = (stream: number, length = 1, end = false): Frame => ({ type: "data", stream, bytes: new Uint8Array(length), end });

  it.each<[string, "mesh" | "agent", (id: number) => Frame[], RegExp]>([
    ["an agent that asks", "mesh", () => [{ type: "open", stream: 9, head: getRequest, end: true }], /takes no requests/],
    ["a stream that is opened twice", "agent", (stream) => [{ type: "open", stream, head: getRequest, end: true }], /opened twice/],
    ["a response to a response", "agent", (stream) => [{ type: "head", stream, head: okResponse, end: false }], /second head/],
    ["data without a head", "mesh", (stream) => [data(stream)], /no head/],
    [
      "a second head",
      "mesh",
      (stream) => [
        { type: "head", stream, head: okResponse, end: false },
        { type: "head", stream, head: okResponse, end: false },
      ],
      /second head/,
    ],
    ["data after the end", "agent", (stream) => [data(stream, 1, true), data(stream)], /follows the end/],
    ["more data than was allowed", "agent", (stream) => [data(stream, 65_536), data(stream)], /more data/],
    [
      "a window without bounds",
      "agent",
      (stream) => [
        { type: "window", stream, credit: 0x7fff_ffff },
        { type: "window", stream, credit: 0x7fff_ffff },
      ],
      /window is too large/,
    ],
  ])("%s", (_what, victim, frames, reason) => {
    const { pair, id } = pairWithStream();
    expect(pair[victim].receive(encodeFrames(frames(id)))?.message).toMatch(reason);
  });

  it("frames of streams that are not there are answered or ignored", () => {
    const { pair } = pairWithStream();
    const frames: Frame[] = [
      data(77),
      { type: "reset", stream: 78, code: "broken", reason: "" },
      { type: "window", stream: 79, credit: 1 },
    ];
    expect(pair.mesh.receive(encodeFrames(frames))).toBeUndefined();
    expect(pair.mesh.size).toBe(1);
  });

  it("any bytes leave the mux in one piece", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 10 }), (messages) => {
        const { pair } = pairWithStream();
        for (const message of messages) pair.agent.receive(message);
        pair.agent.fail("over");
        expect([pair.agent.size, pair.agent.sharedBytes]).toEqual([0, 0]);
      }),
    );
  });
});

/** What a random user of the tunnel does next. */
type Step =
  | { readonly do: "open" }
  | { readonly do: "write"; readonly who: number; readonly bytes: number }
  | { readonly do: "answer"; readonly who: number; readonly bytes: number }
  | { readonly do: "read" | "end" | "reset"; readonly who: number; readonly side: "mesh" | "agent" }
  | { readonly do: "pass"; readonly from: "mesh" | "agent" };

const who = fc.nat({ max: 5 });
const side = fc.constantFrom("mesh" as const, "agent" as const);
const size = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 30_000, max: 200_000 }));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ do: "open" as const }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("write" as const), who, bytes: size }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("answer" as const), who, bytes: size }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("read" as const, "end" as const), who, side }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reset" as const), who, side }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("pass" as const), from: side }) },
);

/** What one half of a stream was given to send, and what came out at the other end. */
interface Half {
  sent: number;
  received: number;
  hasEnded: boolean;
}

class World {
  readonly pair = new Pair((server) => server.stream.sendResponse(okResponse, false));
  readonly clients: Recorder[] = [];
  readonly halves: { mesh: Half; agent: Half }[] = [];
  readonly givenUp = new Set<number>();

  run(next: Step): void {
    if (next.do === "pass") return void this.pair.pass(next.from);
    if (next.do === "open") {
      this.clients.push(this.pair.open(false));
      const half = (): Half => ({ sent: 0, received: 0, hasEnded: false });
      this.halves.push({ mesh: half(), agent: half() });
      return;
    }
    if (this.clients.length === 0) return;
    const at = next.who % this.clients.length;
    const from = next.do === "write" ? "mesh" : next.do === "answer" ? "agent" : next.side;
    const user = this.user(at, from);
    const half = this.halves[at]?.[from];
    if (!user || !half) return;
    if ("bytes" in next) {
      if (half.hasEnded || user.stream.isOver) return;
      user.stream.write(Uint8Array.from({ length: next.bytes }, (_, offset) => byteAt(at, half.sent + offset)));
      half.sent += next.bytes;
    } else if (next.do === "read") this.read(at, from);
    else if (next.do === "reset") {
      this.givenUp.add(at);
      user.stream.reset("cancelled", "");
    } else {
      half.hasEnded ||= !user.stream.isOver;
      user.stream.end();
    }
  }

  /** Who uses that end of a stream; a request that was given up before it was sent has nobody at the other. */
  user(at: number, end: "mesh" | "agent"): Recorder | undefined {
    const client = this.clients[at];
    return end === "mesh" ? client : this.pair.accepted.find(({ stream }) => stream.id === client?.stream.id);
  }

  /** That side reads what the other has sent. */
  read(at: number, reader: "mesh" | "agent"): void {
    const user = this.user(at, reader);
    const half = this.halves[at]?.[reader === "mesh" ? "agent" : "mesh"];
    if (!user || !half) return;
    for (const byte of user.readAll()) {
      if (byte !== byteAt(at, half.received)) throw new Error(`stream ${at}: byte ${half.received} is not the one that was sent`);
      half.received += 1;
    }
  }
}

function byteAt(stream: number, offset: number): number {
  return (stream * 37 + offset * 11 + (offset >> 9)) & 0xff;
}

describe("any interleaving", () => {
  it("delivers each stream's bytes in order, keeps the windows, and ends with nothing left", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 80 }), (steps) => {
        const world = new World();
        for (const next of steps) {
          world.run(next);
          expect(world.pair.mesh.sharedBytes).toBeLessThanOrEqual(windows.shared);
        }
        for (const at of world.clients.keys()) for (const end of ["mesh", "agent"] as const) world.run({ do: "end", who: at, side: end });
        for (let round = 0; round < 60; round++) {
          world.pair.settle();
          for (const at of world.clients.keys()) for (const reader of ["mesh", "agent"] as const) world.read(at, reader);
          // Those that came to be accepted only now are ended too.
          for (const server of world.pair.accepted) server.stream.end();
        }
        world.pair.settle();
        expect([world.pair.mesh.size, world.pair.agent.size]).toEqual([0, 0]);
        expect([world.pair.mesh.sharedBytes, world.pair.agent.sharedBytes]).toEqual([0, 0]);
        for (const [at, { mesh, agent }] of world.halves.entries()) {
          if (!world.givenUp.has(at)) expect([mesh.received, agent.received]).toEqual([mesh.sent, agent.sent]);
        }
      }),
      { numRuns: 150 },
    );
  });
});
