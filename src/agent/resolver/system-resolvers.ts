import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { type Clock } from "#base/clock.ts";

/** The resolvers that this machine uses by itself. */

export interface ResolverAddress {
  readonly address: string;
  readonly port: number;
}

/** As in libc. */
const most = 3;
const dnsPort = 53;
const rereadMs = 5_000;

/** What `resolv.conf` names, in its order; without any, libc takes the one of this machine. */
export function parseResolvConf(text: string): readonly ResolverAddress[] {
  const named = text.split("\n").flatMap((line) => {
    const address = /^nameserver\s+(\S+)/.exec(line)?.[1];
    return address !== undefined && isIP(address) !== 0 ? [{ address, port: dnsPort }] : [];
  });
  return named.length === 0 ? [{ address: "127.0.0.1", port: dnsPort }] : named.slice(0, most);
}

/** Reads `/etc/resolv.conf`, again when it is 5 s old, so that a change of networks is followed. */
export function systemResolvers(clock: Clock, path = "/etc/resolv.conf"): () => Promise<readonly ResolverAddress[]> {
  let readAtMs = Number.NEGATIVE_INFINITY;
  let known = parseResolvConf("");
  return async () => {
    if (clock.now() - readAtMs < rereadMs) return known;
    readAtMs = clock.now();
    known = await readFile(path, "utf8").then(parseResolvConf, () => known);
    return known;
  };
}
