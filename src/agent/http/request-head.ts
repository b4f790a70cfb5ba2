import { parseAuthority } from "./authority.ts";
import { type Field, membersOf, valuesOf } from "./fields.ts";

/** What a listener asks of the head of a request beyond what Node's parser does. */

export interface RequestHead {
  readonly method: string;
  /** The second word of the request line, as it came. */
  readonly target: string;
  /** `1.1`. */
  readonly version: string;
  readonly fields: readonly Field[];
}

/** An answer that a listener gives itself. `reason` is a word for programs, and what refusals are counted by. */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
  /** One sentence, without a value of the request. */
  readonly text: string;
}

/**
 * Why the request is not taken; undefined when it can be read in one way only. Node's parser (without `insecureHTTPParser`) refuses by itself, before
 * a request is seen: a length beside a transfer coding, several lengths, lengths that are no digits, codings that do not end in `chunked`, a
 * space before a colon, folded lines, bare line feeds and carriage returns, NUL, chunks that are not as long as they say. It
 * takes the following, which is refused here: several Hosts, none, versions other than 1.0 and 1.1, codings before `chunked`, codings in HTTP/1.0,
 * targets that are no path, upgrades to anything but WebSocket, and upgrades with a body. What it takes and is harmless: two spaces behind the
 * method, empty lines before a request, extensions of chunks, which do not pass on.
 */
export function headRefusal(head: RequestHead, maxFields: number): Refusal | undefined {
  const { fields, version } = head;
  if (version !== "1.1" && version !== "1.0") return refusal(505, "version", "only HTTP/1.1 and HTTP/1.0 are spoken here");
  if (fields.length > maxFields) return refusal(431, "headers_too_large", `there are more than ${maxFields} header fields`);
  if (head.method === "CONNECT") return refusal(501, "method", "CONNECT is not taken here");
  const hosts = valuesOf(fields, "host");
  if (hosts.length !== 1) return refusal(400, "host", "there must be one Host field");
  if (!parseAuthority(hosts[0] ?? "")) return refusal(400, "host", "the Host field is not a host with an optional port");
  return framingRefusal(head) ?? upgradeRefusal(head);
}

/** Why a target that must be a path is not taken: absolute and asterisk form, fragments. */
export function pathRefusal({ target }: Pick<RequestHead, "target">): Refusal | undefined {
  if (target.startsWith("/") && !target.includes("#")) return undefined;
  return refusal(400, "target", "the request's target must be a path");
}

/** The coding of a body that has no length; undefined: the body has one, or there is none. */
export function isChunked({ fields }: Pick<RequestHead, "fields">): boolean {
  return valuesOf(fields, "transfer-encoding").length > 0;
}

/** Whether the request has a body. */
export function hasBody(head: Pick<RequestHead, "fields">): boolean {
  return isChunked(head) || valuesOf(head.fields, "content-length").some((length) => length !== "0");
}

/** Whether another protocol is asked for. */
export function asksUpgrade({ fields }: Pick<RequestHead, "fields">): boolean {
  return membersOf(fields, "connection").includes("upgrade") && valuesOf(fields, "upgrade").length > 0;
}

function framingRefusal({ fields, version }: RequestHead): Refusal | undefined {
  const codings = valuesOf(fields, "transfer-encoding");
  const lengths = valuesOf(fields, "content-length");
  if (codings.length > 0 && lengths.length > 0) return refusal(400, "framing", "a body has a length or a transfer coding, not both");
  if (lengths.length > 1 || lengths.some((length) => !/^\d{1,15}$/.test(length)))
    return refusal(400, "framing", "there must be one Content-Length, in digits");
  if (codings.length === 0) return undefined;
  if (version === "1.0") return refusal(400, "framing", "HTTP/1.0 has no transfer codings");
  if (codings.length === 1 && codings[0]?.toLowerCase() === "chunked") return undefined;
  return refusal(501, "framing", "the only transfer coding is chunked");
}

function upgradeRefusal(head: RequestHead): Refusal | undefined {
  if (!asksUpgrade(head)) return undefined;
  const protocols = valuesOf(head.fields, "upgrade");
  if (protocols.length !== 1 || protocols[0]?.toLowerCase() !== "websocket" || head.method !== "GET")
    return refusal(501, "upgrade", "the only protocol to switch to is websocket, by GET");
  return hasBody(head) ? refusal(400, "upgrade", "a request that switches protocols has no body") : undefined;
}

function refusal(status: number, reason: string, text: string): Refusal {
  return { status, reason, text };
}
