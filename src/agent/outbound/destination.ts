import { parseAuthority } from "../http/authority.ts";
import { type Field, membersOf, valuesOf } from "../http/fields.ts";
import type { Refusal, RequestHead } from "../http/request-head.ts";

/** Where the outbound listener sends a request. */

/** `authority`: the Host of the request from here on. */
export type Destination =
  | { readonly kind: "mesh"; readonly authority: string; readonly target: string }
  | { readonly kind: "direct"; readonly authority: string; readonly target: string; readonly host: string; readonly port: number }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** Where a CONNECT request leads: through to somebody else, or, for names of the mesh, to the listener itself. */
export type TunnelEnd =
  | { readonly kind: "mesh" }
  | { readonly kind: "direct"; readonly host: string; readonly port: number }
  | { readonly kind: "refused"; readonly refusal: Refusal };

export interface Surroundings {
  readonly isMeshName: (host: string, port?: number) => boolean;
  /** Address and port of the listener. */
  readonly self: { readonly address: string; readonly port: number };
  /** Its name in `Via`, which nobody else has. */
  readonly pseudonym: string;
}

const absolute = /^http:\/\/([^/?#]+)([^#]*)$/i;

/** Of a request whose head was found to be sound: by its absolute target (RFC 9112 3.2.2), else by its Host. */
export function destinationOf(head: RequestHead, around: Surroundings): Destination {
  if (cameFromHere(head.fields, around)) return refused(508, "loop_detected", "the request has been here before");
  const parts = absolute.exec(head.target);
  if (!parts && (!head.target.startsWith("/") || head.target.includes("#")))
    return refused(400, "target", "the target must be a path or an http URL; for https there is CONNECT");
  const written = parts?.[1] ?? valuesOf(head.fields, "host")[0] ?? "";
  const place = parseAuthority(written);
  if (!place) return refused(400, "host", "the URL's authority is not a host with an optional port");
  const path = parts ? (parts[2] ?? "") : head.target;
  const target = path.startsWith("/") ? path : `/${path}`;
  // Whoever comes by the resolver's address has to name this port, which is none of the service's.
  const port = place.port === around.self.port ? undefined : place.port;
  if (around.isMeshName(place.host, port)) return { kind: "mesh", authority: authorityOf(place.host, port), target };
  const direct = { host: place.host, port: place.port ?? 80 };
  if (isSelf(direct.host, direct.port, around.self)) return refused(508, "loop_detected", "the request leads back to this listener");
  return { kind: "direct", authority: written, target, ...direct };
}

export function tunnelEndOf(head: RequestHead, around: Surroundings): TunnelEnd {
  const place = parseAuthority(head.target);
  if (!place?.port) return refused(400, "target", "the target of CONNECT must be a host and a port");
  const { host, port } = place;
  if (around.isMeshName(host, port)) {
    return port === 443 ? refused(501, "tls", "services of the mesh are spoken to in http, not in https") : { kind: "mesh" };
  }
  if (isSelf(host, port, around.self)) return refused(508, "loop_detected", "the tunnel leads back to this listener");
  return { kind: "direct", host, port };
}

/** Whether a connection to this address would come back to the listener. Names are looked at when they are resolved. */
export function isSelf(address: string, port: number, self: Surroundings["self"]): boolean {
  const plain = address.replace(/^::ffff:/i, "");
  return port === self.port && (plain === self.address || plain === "0.0.0.0" || plain === "::");
}

function cameFromHere(fields: readonly Field[], { pseudonym }: Surroundings): boolean {
  return membersOf(fields, "via").some((hop) => hop.split(/\s+/)[1] === pseudonym);
}

function authorityOf(host: string, port: number | undefined): string {
  return port === undefined ? host : `${host}:${port}`;
}

function refused(status: number, reason: string, text: string): { readonly kind: "refused"; readonly refusal: Refusal } {
  return { kind: "refused", refusal: { status, reason, text } };
}
