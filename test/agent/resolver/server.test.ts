/** The resolver, asked by Node's own and byte by byte; the machine's resolvers are servers of the test. */
import { createSocket, type Socket } from "node:dgram";
import { promises as dns } from "node:dns";
import { connect, createServer, type Server } from "node:net";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FrameReader, framed } from "#agent/resolver/frames.ts";
import { type Resolver, startResolver } from "#agent/resolver/server.ts";
import { parseResolvConf, type ResolverAddress } from "#agent/resolver/system-resolvers.ts";
import { queryFor } from "./query.ts";

/** Answers everything with a message that only it would make. */
interface System extends ResolverAddress {
  readonly asked: Buffer[];
  close(): void;
}

const mark = Buffer.from("any bytes behind the question, as they are");

function replyTo(query: Uint8Array): Buffer {
  const reply = Buffer.concat([query, mark]);
  reply[2] = 0x81;
  reply[3] = 0x83;
  return reply;
}

async function startSystem(isSilent = false): Promise<System> {
  const asked: Buffer[] = [];
  const tcp: Server = createServer((socket) => {
    const reader = new FrameReader();
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      for (const query of reader.read(chunk)) {
        asked.push(Buffer.from(query));
        socket.write(framed(replyTo(query)));
      }
    });
  });
  await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve));
  const { port } = tcp.address() as AddressInfo;
  const udp: Socket = createSocket("udp4");
  udp.on("message", (query, { port: from, address }) => {
    asked.push(query);
    if (!isSilent) udp.send(replyTo(query), from, address);
  });
  await new Promise<void>((resolve) => udp.bind(port, "127.0.0.1", resolve));
  const close = (): void => {
    udp.close();
    tcp.close();
  };
  return { address: "127.0.0.1", port, asked, close };
}

let system: System;
let silent: System;
let resolver: Resolver;
let servers: readonly ResolverAddress[];

beforeEach(async () => {
  [system, silent] = await Promise.all([startSystem(), startSystem(true)]);
  servers = [system];
  resolver = await startResolver({
    port: 0,
    isMeshName: (host) => host === "cart.shop.mesh",
    resolvers: async () => servers,
    timeoutMs: 100,
  });
});
afterEach(async () => {
  await resolver.close();
  system.close();
  silent.close();
});

function ask(message: Uint8Array): Promise<Buffer> {
  const socket = createSocket("udp4");
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no reply")), 2_000);
    socket.on("message", (reply) => resolve(reply));
    socket.on("message", () => clearTimeout(timer));
    socket.send(message, resolver.port, "127.0.0.1");
  }).finally(() => socket.close()) as Promise<Buffer>;
}

function askByTcp(message: Uint8Array): Promise<Uint8Array> {
  const socket = connect(resolver.port, "127.0.0.1");
  socket.write(framed(message));
  const reader = new FrameReader();
  return new Promise<Uint8Array>((resolve, reject) => {
    socket.on("data", (chunk) => reader.read(chunk).forEach((reply) => resolve(reply)));
    socket.on("close", () => reject(new Error("closed")));
  }).finally(() => socket.destroy());
}

describe("a name of the mesh", () => {
  it("has the address of the listener, for a few seconds, and no other record", async () => {
    const node = new dns.Resolver({ timeout: 1_000, tries: 1 });
    node.setServers([`127.0.0.1:${resolver.port}`]);
    expect(await node.resolve4("cart.shop.mesh", { ttl: true })).toEqual([{ address: "127.0.0.1", ttl: 5 }]);
    expect(await node.resolve4("CART.Shop.Mesh")).toEqual(["127.0.0.1"]);
    await expect(node.resolve6("cart.shop.mesh")).rejects.toMatchObject({ code: "ENODATA" });
    await expect(node.resolveTxt("cart.shop.mesh")).rejects.toMatchObject({ code: "ENODATA" });
    expect(system.asked).toEqual([]);
  });

  it("has it over TCP as well", async () => {
    const reply = await askByTcp(queryFor("cart.shop.mesh", 1));
    expect([...reply.subarray(-4)]).toEqual([127, 0, 0, 1]);
  });
});

describe("any other name", () => {
  it.each([
    ["UDP", ask],
    ["TCP", askByTcp],
  ])("is the system's, byte for byte, over %s", async (_, how) => {
    const query = Buffer.concat([queryFor("Example.com", 16), Buffer.from([1, 2, 3])]);
    expect(Buffer.from(await how(query))).toEqual(replyTo(query));
    expect(system.asked).toEqual([query]);
  });

  it("is asked of the next when one says nothing, and is SERVFAIL when none does", async () => {
    servers = [silent, system];
    expect(await ask(queryFor("example.com", 1))).toEqual(replyTo(queryFor("example.com", 1)));
    servers = [silent, { address: "127.0.0.1", port: resolver.port }];
    const reply = await ask(queryFor("example.com", 1));
    expect([reply.readUInt16BE(0), (reply[3] ?? 0) & 15, reply.readUInt16BE(4)]).toEqual([7, 2, 1]);
  });

  it("does not go round for ever where the system's resolver asks here", async () => {
    const relay = createSocket("udp4");
    let rounds = 0;
    const waiting = new Map<number, { port: number; id: number }>();
    relay.on("message", (message, { port }) => {
      const isReply = ((message[2] ?? 0) & 0x80) !== 0;
      const known = waiting.get(message.readUInt16BE(0));
      if (isReply && known) {
        message.writeUInt16BE(known.id, 0);
        return relay.send(message, known.port, "127.0.0.1");
      }
      rounds += 1;
      waiting.set(rounds + 1000, { port, id: message.readUInt16BE(0) });
      message.writeUInt16BE(rounds + 1000, 0);
      return relay.send(message, resolver.port, "127.0.0.1");
    });
    await new Promise<void>((resolve) => relay.bind(0, "127.0.0.1", resolve));
    servers = [{ address: "127.0.0.1", port: relay.address().port }];
    const reply = await ask(queryFor("example.com", 1));
    expect((reply[3] ?? 0) & 15).toBe(2);
    expect(rounds).toBeLessThanOrEqual(8);
    relay.close();
  });
});

describe("what is no query", () => {
  it("is refused or dropped, and the next one is answered", async () => {
    const socket = createSocket("udp4");
    for (const bytes of [Buffer.alloc(1), Buffer.alloc(11), Buffer.alloc(12, 0xff), Buffer.alloc(9_000, 0xc0)])
      socket.send(bytes, resolver.port, "127.0.0.1");
    const two = queryFor("cart.shop.mesh", 1);
    two[5] = 2;
    expect(((await ask(two))[3] ?? 0) & 15).toBe(1);
    expect([...(await ask(queryFor("cart.shop.mesh", 1))).subarray(-4)]).toEqual([127, 0, 0, 1]);
    socket.close();
    expect(system.asked).toEqual([]);
  });
});

describe("options", () => {
  it("refuse port 53 and addresses that others can reach", async () => {
    const isMeshName = (): boolean => false;
    await expect(startResolver({ port: 53, isMeshName })).rejects.toThrow("never takes the port");
    await expect(startResolver({ port: 0, address: "0.0.0.0", isMeshName })).rejects.toThrow("loopback address");
  });
});

describe("resolv.conf", () => {
  it.each([
    [
      "nameserver 10.0.0.2\n# nameserver 1.1.1.1\noptions edns0\nnameserver\t2001:db8::1\nnameserver nonsense\n",
      ["10.0.0.2", "2001:db8::1"],
    ],
    ["nameserver 1.0.0.1\nnameserver 1.0.0.2\nnameserver 1.0.0.3\nnameserver 1.0.0.4\n", ["1.0.0.1", "1.0.0.2", "1.0.0.3"]],
    ["search shop.mesh\n", ["127.0.0.1"]],
  ])("%j", (text, expected) => expect(parseResolvConf(text).map(({ address }) => address)).toEqual(expected));
});
