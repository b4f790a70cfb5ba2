import { createServer } from "node:net";
import { expect, it } from "vitest";
import { UserError } from "#base/errors.ts";
import { AddressPool, sliceCount } from "#dev/fleet/addresses.ts";

async function listening(host: string, port: number): Promise<{ close(): Promise<void> }> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, host, resolve));
  return { close: () => new Promise((resolve) => server.close(() => resolve())) };
}

it("gives each its own address, also when asked at once", async () => {
  const pool = new AddressPool(58);
  const addresses = await Promise.all(Array.from({ length: 20 }, () => pool.take([18_090])));
  expect(new Set(addresses).size).toBe(20);
  expect(addresses[0]).toBe("127.10.232.1");
});

it("uses an address again only after all others", async () => {
  const pool = new AddressPool(58);
  const first = await pool.take([18_090]);
  pool.release(first);
  const later = new Set<string>();
  for (let count = 0; count < 1015; count += 1) later.add(await pool.take([]));
  expect(later.has(first)).toBe(false);
  expect(later.size).toBe(1015);
  expect(await pool.take([])).toBe(first);
  await expect(pool.take([])).rejects.toThrow(UserError);
});

it("passes over addresses on which a port is in use", async () => {
  const server = await listening("127.10.236.1", 18_091);
  const pool = new AddressPool(59);
  expect(await pool.take([18_090, 18_091])).toBe("127.10.236.2");
  await server.close();
});

it("says so when a port is taken everywhere", async () => {
  const server = await listening("0.0.0.0", 18_092);
  await expect(new AddressPool(59).take([18_092])).rejects.toThrow(/No loopback address with a free port 18092 is left/);
  await server.close();
});

it("keeps slices apart and within 127.10.0.0/16", async () => {
  const firsts = await Promise.all(Array.from({ length: sliceCount }, (_, slice) => new AddressPool(slice).take([])));
  expect(new Set(firsts).size).toBe(sliceCount);
  expect(firsts.at(-1)).toBe("127.10.252.1");
});
