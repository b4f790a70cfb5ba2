import type { MessageLimits } from "#ir/policy.ts";
import type { Survey } from "./survey.ts";

/** What a request must be before any rule is asked: within the limits, and not one that goes round in circles. */

/** Why a request is not let in; words of the proxy's closed list of reasons. */
type AdmissionReason = "uri_too_long" | "headers_too_large" | "body_too_large" | "loop_detected" | "max_forwards";

export interface AdmissionRefusal {
  readonly reason: AdmissionReason;
  /** One sentence for the caller. */
  readonly text: string;
  /** In place of the reason's. */
  readonly status?: number;
}

/** A request as it came. */
export interface Arrival {
  readonly method: string;
  readonly url: string;
  readonly headers: Survey;
}

/** A request that passed this many proxies of the mesh is taken to go round in circles. */
const mostHops = 10;
const ownHop = /(?:^|,)\s*(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+\/)?[\d.]+ wayside(?=[\s,(]|$)/g;

/** Why a request is not let in; undefined when it is. */
export function admit(arrival: Arrival, limits: MessageLimits): AdmissionRefusal | undefined {
  return tooLarge(arrival, limits) ?? circling(arrival) ?? atItsEnd(arrival);
}

function tooLarge({ url, headers }: Arrival, limits: MessageLimits): AdmissionRefusal | undefined {
  if (url.length > limits.urlBytes) return { reason: "uri_too_long", text: `the URL is longer than ${limits.urlBytes} bytes` };
  const excess = headerExcess(headers, { lines: limits.requestHeaders, bytes: limits.requestHeaderBytes });
  if (excess !== undefined) return { reason: "headers_too_large", text: `the request has ${excess}` };
  const length = Number(headers.get("content-length") ?? 0);
  if (length > limits.requestBodyBytes) return bodyTooLarge(limits);
  return undefined;
}

/** Of a body that turns out to be larger than is allowed only while it comes, too. */
export function bodyTooLarge({ requestBodyBytes }: MessageLimits): AdmissionRefusal {
  return { reason: "body_too_large", text: `the request's body is larger than ${requestBodyBytes} bytes` };
}

/** What there is too much of in the headers of a message, for the end of a sentence; undefined when there is not. */
export function headerExcess(
  { lines, bytes }: Pick<Survey, "lines" | "bytes">,
  most: { readonly lines: number; readonly bytes: number },
): string | undefined {
  if (lines > most.lines) return `${lines} headers, more than ${most.lines}`;
  return bytes > most.bytes ? `more than ${most.bytes} bytes of headers` : undefined;
}

/** RFC 9110 7.6.3: `Via` is there to be looked at for loops. */
function circling({ headers }: Arrival): AdmissionRefusal | undefined {
  const hops = headers.get("via")?.match(ownHop)?.length ?? 0;
  if (hops < mostHops) return undefined;
  return { reason: "loop_detected", text: `the request passed ${hops} proxies of the mesh: a service leads back to itself` };
}

/** RFC 9110 7.6.2: of TRACE and OPTIONS alone. */
function atItsEnd({ method, headers }: Arrival): AdmissionRefusal | undefined {
  if (forwardsLeft(method, headers) !== 0) return undefined;
  const text = `Max-Forwards is 0, so the ${method} request ends here`;
  return { reason: "max_forwards", text, ...(method === "OPTIONS" && { status: 200 }) };
}

/** The value of `Max-Forwards` where it is to be obeyed; undefined without one, and for what is no number. */
export function forwardsLeft(method: string, headers: { get(name: string): string | null }): number | undefined {
  if (method !== "TRACE" && method !== "OPTIONS") return undefined;
  const text = headers.get("max-forwards");
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
