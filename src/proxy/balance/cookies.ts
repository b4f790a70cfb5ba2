/** Cookies that keep a caller with its endpoint (RFC 6265). */

export interface CookieOptions {
  readonly name: string;
  /** Absent: `/`. */
  readonly path?: string;
  /** Absent or 0: until the browser is closed. */
  readonly ttlSec?: number;
}

/** The value of the first cookie of that name in a `Cookie` header, without quotes; undefined when there is none, or an empty one. */
export function readCookie(header: string | null, name: string): string | undefined {
  if (header === null) return undefined;
  for (const pair of header.split(";")) {
    const equals = pair.indexOf("=");
    if (equals === -1 || pair.slice(0, equals).trim() !== name) continue;
    const value = pair.slice(equals + 1).trim();
    const bare = value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
    return bare === "" ? undefined : bare;
  }
  return undefined;
}

/** The value of a `Set-Cookie` header, with the attributes that Envoy gives its cookies. */
export function writeCookie({ name, path = "/", ttlSec }: CookieOptions, value: string): string {
  const age = ttlSec === undefined || ttlSec === 0 ? "" : `; Max-Age=${ttlSec}`;
  return `${name}="${value}"${age}; Path=${path}; HttpOnly`;
}
