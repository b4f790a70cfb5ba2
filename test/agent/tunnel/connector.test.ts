/** An agent's tunnel to servers that do not let it in, or are not there. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { startTunnel, type Tunnel, type TunnelState } from "#agent/tunnel/connector.ts";
import { seededRandom } from "#base/random.ts";

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/tunnel`;
}

/** The states that come, one after the other. */
class States {
  readonly seen: TunnelState[] = [];
  #waiting: (() => void) | undefined;

  readonly add = (state: TunnelState): void => {
    this.seen.push(state);
    this.#waiting?.();
  };

  async at(index: number): Promise<TunnelState | undefined> {
    while (this.seen.length <= index) await new Promise<void>((resolve) => (this.#waiting = resolve));
    return this.seen[index];
  }
}

function start(url: string, states: States, bearer: () => string = () => "session"): Tunnel {
  const random = { ...seededRandom(1), float: () => 0 };
  const tunnel = startTunnel({ url, bearer, application: { host: "127.0.0.1", ports: [1] }, onState: states.add, random });
  cleanups.push(() => tunnel.close());
  return tunnel;
}

it("says what the mesh answered, and tries again with whatever the session is by then", async () => {
  const bearers: (string | undefined)[] = [];
  const server = createServer((incoming, outgoing) => {
    bearers.push(incoming.headers.authorization);
    outgoing.writeHead(401).end("no such session");
  });
  const states = new States();
  let sessions = 0;
  start(await listen(server), states, () => `session-${++sessions}`);
  expect(await states.at(1)).toEqual({ state: "lost", why: "the mesh answered 401: no such session", retryInMs: 0 });
  expect([...new Set(bearers)].slice(0, 2)).toEqual(["Bearer session-1", "Bearer session-2"]);
});

it("goes on while nobody is there", async () => {
  const gone = createServer();
  const url = await listen(gone);
  gone.close();
  const states = new States();
  start(url, states);
  expect(await states.at(3)).toMatchObject({ state: "lost", why: expect.stringContaining("no connection") as string });
});

it("a session that cannot be had is a reason to wait, and not an end", async () => {
  const states = new States();
  start("ws://127.0.0.1:9/", states, () => {
    throw new Error("the identity is gone");
  });
  expect(await states.at(2)).toMatchObject({ state: "lost", why: "there is no session: the identity is gone" });
});

it("closes while it waits, and says nothing more", async () => {
  const states = new States();
  const tunnel = start("ws://127.0.0.1:9/", states);
  await states.at(0);
  await tunnel.close();
  expect(states.seen.at(-1)).toEqual({ state: "closed" });
  const { length } = states.seen;
  await tunnel.close();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(states.seen).toHaveLength(length);
});
