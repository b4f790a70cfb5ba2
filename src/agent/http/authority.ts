/** `host` or `host:port` of a Host field or a URL. */

export interface Authority {
  /** Lower case, IPv6 addresses without brackets, no dot at the end. */
  readonly host: string;
  readonly port: number | undefined;
}

const pattern = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._~-]{1,253}))(?::(\d{1,5}))?$/;

/** Undefined for what could be read in more than one way: user information, escapes, spaces, several colons. */
export function parseAuthority(text: string): Authority | undefined {
  const match = pattern.exec(text);
  if (!match) return undefined;
  const [, address, name, digits] = match;
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  return { host: (address ?? name ?? "").toLowerCase().replace(/\.$/, ""), port };
}
