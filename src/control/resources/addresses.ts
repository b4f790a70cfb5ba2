import ipaddr from "ipaddr.js";
import { isTunnelHost } from "#tunnel/address.ts";

/**
 * Which addresses may be registered. Probes and proxies connect to whatever is registered, so that an address is a power over what they
 * can reach: metadata servers, and anything on the machine they run on, are not for the mesh.
 */

/** Metadata servers outside of the link-local range: Alibaba's, and AWS's over IPv6. */
const metadataServers: ReadonlySet<string> = new Set(["100.100.100.200", "fd00:ec2:0:0:0:0:0:254"]);

const metadataNames = /^(?:metadata|metadata\.google\.internal|.+\.metadata\.google\.internal|instance-data(?:\..*)?)$/;

/** Unicast and what networks use inside. IPv6 forms that embed an IPv4 address are none of these: they would hide it. */
const allowedRanges: ReadonlySet<string> = new Set(["unicast", "private", "uniqueLocal", "carrierGradeNat"]);

/** Networks of documentation and benchmarks: reserved, and harmless. */
const harmless = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "2001:db8::/32"].map((cidr) =>
  ipaddr.parseCIDR(cidr),
);

/**
 * Why `text` may not be registered as an instance's address; undefined when it may. Only the plain spellings are addresses: octal,
 * hexadecimal and shortened IPv4 forms mean different things to different parsers.
 */
export function addressRefusal(text: string, loopbackAllowed: boolean): string | undefined {
  const address = parsePlain(text);
  if (!address) return "It must be an IPv4 address of four decimal numbers or an IPv6 address.";
  if (metadataServers.has(address.toNormalizedString())) return "It is the address of a metadata server.";
  const range = address.range();
  if (range === "loopback" && address.kind() === "ipv4" && loopbackAllowed) return undefined;
  const allowed = allowedRanges.has(range) || harmless.some(([net, bits]) => net.kind() === address.kind() && address.match(net, bits));
  return allowed ? undefined : `It must be a unicast address; it is ${range}.`;
}

function parsePlain(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  return text.includes(":") && !text.includes("%") && ipaddr.IPv6.isValid(text) ? ipaddr.IPv6.parse(text) : undefined;
}

/** Why `text` may not be an endpoint's host name; undefined when it may. What it resolves to is looked at when it is connected to. */
export function hostRefusal(text: string, loopbackAllowed: boolean): string | undefined {
  const name = text.toLowerCase().replace(/\.$/, "");
  const labels = name.split(".");
  if (name.length > 253 || !labels.every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label))) {
    return "It must be a fully qualified domain name.";
  }
  // URL parsers read a name whose last label is a number as an IPv4 address.
  if (/^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? "")) return "It must be a fully qualified domain name, not an address.";
  if (isTunnelHost(name)) return "It must not end in .tunnel, under which instances behind tunnels stand.";
  if (metadataNames.test(name)) return "It is the name of a metadata server.";
  const local = name === "localhost" || name.endsWith(".localhost");
  return local && !loopbackAllowed ? "It must not name this machine." : undefined;
}
