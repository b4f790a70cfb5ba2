/** Loopback addresses of VMs: each instance has one of its own, and one that ended is not handed out again while others are unused. */
import { createServer } from "node:net";
import { UserError } from "#base/errors.ts";

/** Each run of the emulator has a slice of 127.10.0.0/16 to itself: 64 slices of 1,016 addresses. */
export const sliceCount = 64;
const subnetsPerSlice = 4;
const hostsPerSubnet = 254;
const perSlice = subnetsPerSlice * hostsPerSubnet;

export class AddressPool {
  readonly #slice: number;
  readonly #taken = new Set<string>();
  #next = 0;

  /** `slice` is in [0, sliceCount) and claimed by this run alone. */
  constructor(slice: number) {
    this.#slice = slice;
  }

  /**
   * Takes an address on which every one of `ports` is free now; the caller gives it back by `release`.
   * Throws `UserError` when there is none, or when this system has no such addresses.
   */
  async take(ports: readonly number[]): Promise<string> {
    let busy: PortState = "free";
    for (let tries = 0; tries < perSlice; tries += 1) {
      const address = this.#address(this.#next);
      this.#next = (this.#next + 1) % perSlice;
      if (this.#taken.has(address)) continue;
      // Taken before the first await: two VMs that start at the same moment must not get the same one.
      this.#taken.add(address);
      // oxlint-disable-next-line no-await-in-loop -- addresses are tried one after the other
      busy = await stateOf(address, ports);
      if (busy === "free") return address;
      this.#taken.delete(address);
      if (busy !== "busy") break;
    }
    throw new UserError({ code: "failedPrecondition", message: refusal(busy, ports, this.#address(0)) });
  }

  release(address: string): void {
    this.#taken.delete(address);
  }

  #address(index: number): string {
    const subnet = this.#slice * subnetsPerSlice + Math.floor(index / hostsPerSubnet);
    return `127.10.${subnet}.${(index % hostsPerSubnet) + 1}`;
  }
}

type PortState = "free" | "busy" | "absent" | "forbidden";

async function stateOf(address: string, ports: readonly number[]): Promise<PortState> {
  for (const port of ports) {
    // oxlint-disable-next-line no-await-in-loop -- the first port that is taken decides
    const code = await tryListen(address, port);
    if (code === "EADDRNOTAVAIL") return "absent";
    if (code === "EACCES") return "forbidden";
    if (code !== undefined) return "busy";
  }
  return "free";
}

/** The code of the error, undefined when the port could be listened on. */
export function tryListen(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "EUNKNOWN"));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

function refusal(state: PortState, ports: readonly number[], first: string): string {
  const named = `port ${ports.join(", ")}`;
  if (state === "absent") {
    return `This machine does not have the loopback address ${first}. On macOS give it one for each VM: sudo ifconfig lo0 alias ${first} up`;
  }
  if (state === "forbidden") return `A VM may not listen on ${named} here: ports below 1024 need root. Take a higher named port.`;
  return `No loopback address with a free ${named} is left: end what listens on it on all addresses, or take another named port.`;
}
