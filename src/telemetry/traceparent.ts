/** W3C Trace Context, level 2: reading what a caller sent and writing what the next hop receives. */

/** The part of `traceparent` that is carried on. */
export interface TraceParent {
  /** 32 lower-case hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** 16 lower-case hexadecimal digits, not all zero: the span that the next one is a child of. */
  readonly spanId: string;
  readonly sampled: boolean;
  /** Level 2's flag: the last 7 bytes of the trace id are random. */
  readonly random: boolean;
}

const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const zeroTraceId = "0".repeat(32);
const zeroSpanId = "0".repeat(16);
const sampledFlag = 1;
const randomFlag = 2;

/**
 * Reads a `traceparent` header. Undefined when it is absent, malformed, of the forbidden version ff, or given twice (a Worker sees
 * `a, b` then): a new trace is to be started. Versions above 00 are read by the layout of 00, as the specification asks, and may have more after the flags.
 */
export function parseTraceparent(header: string | null): TraceParent | undefined {
  const match = header === null ? null : pattern.exec(trimmed(header));
  if (!match) return undefined;
  const [, version = "", traceId = "", spanId = "", flags = "", rest] = match;
  if (version === "ff" || (version === "00" && rest !== undefined)) return undefined;
  if (traceId === zeroTraceId || spanId === zeroSpanId) return undefined;
  const bits = Number.parseInt(flags, 16);
  return { traceId, spanId, sampled: (bits & sampledFlag) !== 0, random: (bits & randomFlag) !== 0 };
}

/** Always version 00, with no flag that level 2 does not define. */
export function formatTraceparent(parent: TraceParent): string {
  const bits = (parent.sampled ? sampledFlag : 0) | (parent.random ? randomFlag : 0);
  return `00-${parent.traceId}-${parent.spanId}-0${bits}`;
}

const memberKey = /^[a-z0-9][a-z0-9_\-*/@]{0,255}$/;
const memberValue = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;
const maxMembers = 32;
const maxLength = 512;
/** Members above this length go first when the whole is too long (level 2, section 3.3.1.5). */
const longMember = 128;

/**
 * The `tracestate` to carry on, members joined by commas; undefined when there is nothing to carry: absent, empty, malformed anywhere, or
 * more than 32 members. Of members with one key the first stays. What is longer than 512 characters loses long members, then the last ones.
 * To be dropped, unread, when `traceparent` is not valid.
 */
export function parseTracestate(header: string | null): string | undefined {
  if (header === null) return undefined;
  const members = new Map<string, string>();
  let count = 0;
  for (const part of header.split(",")) {
    const member = trimmed(part);
    if (member === "") continue;
    const equals = member.indexOf("=");
    const key = member.slice(0, Math.max(0, equals));
    if (!memberKey.test(key) || !memberValue.test(member.slice(equals + 1))) return undefined;
    if (++count > maxMembers) return undefined;
    if (!members.has(key)) members.set(key, member);
  }
  return members.size === 0 ? undefined : shortened([...members.values()]);
}

function shortened(members: readonly string[]): string | undefined {
  let kept = members;
  if (kept.join(",").length > maxLength) kept = kept.filter((member) => member.length <= longMember);
  while (kept.join(",").length > maxLength) kept = kept.slice(0, -1);
  return kept.length === 0 ? undefined : kept.join(",");
}

/** Without the optional whitespace of HTTP, which is blank and tab and nothing else. */
function trimmed(text: string): string {
  return text.replace(/^[ \t]+/, "").replace(/[ \t]+$/, "");
}
