import { isJsonObject } from "#base/json.ts";
import { ProtocolFault } from "./fault.ts";

/** The heads of requests and responses as they travel through a tunnel: JSON, read strictly. */

/** Name and value; several of a name stand one after the other. A value is what its bytes are in UTF-8, as workerd reads them. */
export type HeaderLine = readonly [name: string, value: string];

export interface RequestHead {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Port of the application on the VM; the agent decides which it serves. */
  readonly port: number;
  readonly headers: readonly HeaderLine[];
  /** The connection is to become a WebSocket: after a response with status 101 the bodies are its bytes. */
  readonly isWebSocket?: true;
}

export interface ResponseHead {
  readonly status: number;
  readonly headers: readonly HeaderLine[];
}

/** RFC 9110 5.6.2. */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** RFC 9110 5.5: no control character but the tab. */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const value = /^[\t\x20-\x7e\x80-\uffff]*$/;
/** What headers may take of a head (`frameLimits.head`); the rest is for the URL. */
const headerBytes = 448 * 1024;
/** What may stand in a request line between the blanks. */
const target = /^\/[\x21-\x7e]*$/;

export function readRequestHead(text: string): RequestHead {
  const { method, path, port, headers, isWebSocket } = objectIn(text);
  if (typeof method !== "string" || !token.test(method)) throw new ProtocolFault("a request has no method");
  if (typeof path !== "string" || !target.test(path)) throw new ProtocolFault("a request has no path");
  if (!isIntegerIn(port, 1, 65_535)) throw new ProtocolFault("a request has no port");
  return { method, path, port, headers: headersIn(headers), ...(isWebSocket === true && { isWebSocket }) };
}

export function readResponseHead(text: string): ResponseHead {
  const { status, headers } = objectIn(text);
  if (!isIntegerIn(status, 200, 599) && status !== 101) throw new ProtocolFault("a response has no status from 200 to 599, or 101");
  return { status, headers: headersIn(headers) };
}

function objectIn(text: string): Record<string, unknown> {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    throw new ProtocolFault("a head is no JSON");
  }
  if (!isJsonObject(read)) throw new ProtocolFault("a head is no object");
  return read;
}

function isIntegerIn(given: unknown, least: number, most: number): given is number {
  return typeof given === "number" && Number.isInteger(given) && given >= least && given <= most;
}

function headersIn(given: unknown): HeaderLine[] {
  if (!Array.isArray(given)) throw new ProtocolFault("a head has no list of headers");
  return given.map((line: unknown) => {
    const [name, text] = Array.isArray(line) ? (line as unknown[]) : [];
    const isLine = typeof name === "string" && token.test(name) && typeof text === "string" && value.test(text);
    if (!isLine) throw new ProtocolFault("a head has a header that is none");
    return [name, text];
  });
}

/** Upper bound of what a character and a line become in JSON and UTF-8. */
const bytesPerCharacter = 3;
const bytesPerLine = 8;

/**
 * Whether the peer would take these headers. They are looked at before they are sent: what one application or caller says must not cost
 * all others their tunnel.
 */
export function areSendable(lines: readonly HeaderLine[]): boolean {
  let bytes = 0;
  for (const [name, text] of lines) {
    if (!token.test(name) || !value.test(text)) return false;
    bytes += bytesPerLine + bytesPerCharacter * (name.length + text.length);
  }
  return bytes <= headerBytes;
}

/** Of one connection, not of the message (RFC 9110 7.6.1); each side has connections of its own. */
const hopByHop: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
]);

/** The lines that go through a tunnel: neither those of one connection nor those that `Connection` names (RFC 9110 7.6.1). */
export function endToEnd(lines: readonly HeaderLine[]): HeaderLine[] {
  const named = lines.flatMap(([name, text]) => (name.toLowerCase() === "connection" ? text.toLowerCase().split(/[\s,]+/) : []));
  return lines.filter(([name]) => !hopByHop.has(name.toLowerCase()) && !named.includes(name.toLowerCase()));
}
