import { isFieldName } from "#ir/field.ts";
import { forwardsLeft } from "./admission.ts";
import { type Survey, surveyOf } from "./survey.ts";

/** What every message loses and gains at a proxy, whatever its rule: hop-by-hop fields, forwarding fields, spoofed ones. */

/** The way a request came in. */
export interface Hop {
  readonly method: string;
  /** Address of the caller; absent where the runtime does not tell it. */
  readonly clientAddress?: string;
  readonly scheme: "http" | "https";
  /** The authority that the application is to see: `fetch` cannot set Host, so it travels as `x-forwarded-host`. */
  readonly authority: string;
}

const via = "1.1 wayside";

/** Makes the headers of a request fit to be sent on. Mutations of rules come after it, so that they may override it. */
export function forwardRequestHeaders(headers: Headers, hop: Hop, survey: Survey = surveyOf(headers)): void {
  if (!survey.isPlain) amendRequest(headers, hop, survey);
  if (hop.clientAddress !== undefined) headers.append("x-forwarded-for", hop.clientAddress);
  headers.set("x-forwarded-proto", hop.scheme);
  headers.set("x-forwarded-host", hop.authority);
  headers.append("via", via);
}

/** After the mutations of rules: without it workerd would ask for compression by itself, and the caller would get what it did not ask for. */
export function askAsTheCaller(headers: Headers): void {
  if (!headers.has("accept-encoding")) headers.set("accept-encoding", "identity");
}

/** Makes the headers of an upstream's response fit to be sent back. */
export function forwardResponseHeaders(headers: Headers, survey: Survey = surveyOf(headers)): void {
  dropUnfit(headers, survey);
  headers.append("via", via);
}

function amendRequest(headers: Headers, hop: Hop, survey: Survey): void {
  const trailers = tokens(headers.get("te")).includes("trailers");
  dropUnfit(headers, survey);
  // RFC 9110 10.1.4 lets `trailers`, and nothing else, be sent on; gRPC servers insist on it.
  if (trailers) headers.set("te", "trailers");
  headers.delete("x-forwarded-client-cert");
  joinCookies(headers);
  countDown(headers, hop.method);
  continueForwarded(headers, hop);
}

/**
 * Drops what is unfit, and what `Connection` names. Of upgrades only WebSocket passes, since that is the only protocol that workerd
 * switches to; anything else (`h2c` above all) would be a way around the proxy.
 */
function dropUnfit(headers: Headers, { unfit }: Survey): void {
  if (unfit.length === 0) return;
  const named = unfit.includes("connection") ? tokens(headers.get("connection")) : [];
  const webSocket = named.includes("upgrade") && headers.get("upgrade")?.toLowerCase() === "websocket";
  for (const name of named) if (isFieldName(name)) headers.delete(name);
  for (const name of unfit) headers.delete(name);
  if (!webSocket) return;
  headers.set("connection", "Upgrade");
  headers.set("upgrade", "websocket");
}

/** RFC 9110 7.6.2. One that is 0 was answered before. */
function countDown(headers: Headers, method: string): void {
  const left = forwardsLeft(method, headers);
  if (left !== undefined && left > 0) headers.set("max-forwards", String(left - 1));
}

/** RFC 7239: who sends the field is told of every hop, as in `x-forwarded-*`; who does not use it is not made to. */
function continueForwarded(headers: Headers, { clientAddress, scheme, authority }: Hop): void {
  if (!headers.has("forwarded")) return;
  const node = clientAddress === undefined ? "unknown" : clientAddress.includes(":") ? `"[${clientAddress}]"` : clientAddress;
  headers.append("forwarded", `for=${node};host="${authority}";proto=${scheme}`);
}

/** workerd joins several Cookie lines with a comma, but their only list separator is a semicolon (RFC 9113 8.2.3). */
function joinCookies(headers: Headers): void {
  const cookie = headers.get("cookie");
  if (cookie?.includes(", ") !== true) return;
  headers.set("cookie", cookie.replaceAll(/, (?=[!#$%&'*+\-.^_`|~0-9A-Za-z]+=)/g, "; "));
}

/** The members of a comma-separated list, in lower case. */
function tokens(value: string | null): string[] {
  return value === null
    ? []
    : value
        .toLowerCase()
        .split(",")
        .map((token) => token.trim());
}
