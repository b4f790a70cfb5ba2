/**
 * DNS messages (RFC 1035) as far as a forwarder needs them: the header and the one question of a query. Nothing behind the question is read, and a
 * question holds no compression, so that no packet can lead in circles.
 */

export const rcodes = { noError: 0, formErr: 1, servFail: 2, notImp: 4 } as const;
export const types = { a: 1, aaaa: 28, any: 255 } as const;
export const internetClass = 1;

const headerBytes = 12;
const flags = { response: 0x8000, opcode: 0x7800, authoritative: 0x0400, recursionDesired: 0x0100, recursionAvailable: 0x0080 };
const longestName = 255;
const longestLabel = 63;

export interface Question {
  /** Lower case, without the dot at the end; undefined when a label holds anything but letters, digits, `-` and `_`. */
  readonly name: string | undefined;
  readonly type: number;
  readonly class: number;
  /** Offset of the first byte behind it. */
  readonly end: number;
}

/** `drop`: not to be answered, because it is an answer, or no message at all. `refuse`: to be answered with the code. */
export type Received =
  | { readonly kind: "query"; readonly question: Question }
  | { readonly kind: "refuse"; readonly rcode: number }
  | { readonly kind: "drop" };

/** What a client sent. */
export function readQuery(message: Uint8Array): Received {
  if (message.length < headerBytes) return { kind: "drop" };
  const word = (at: number): number => wordAt(message, at);
  if ((word(2) & flags.response) !== 0) return { kind: "drop" };
  if ((word(2) & flags.opcode) !== 0) return { kind: "refuse", rcode: rcodes.notImp };
  const hasOneQuestion = word(4) === 1 && word(6) === 0 && word(8) === 0;
  const question = hasOneQuestion ? readQuestion(message) : undefined;
  return question ? { kind: "query", question } : { kind: "refuse", rcode: rcodes.formErr };
}

function readQuestion(message: Uint8Array): Question | undefined {
  const labels: string[] = [];
  let at = headerBytes;
  for (;;) {
    const length = message[at];
    // Also what has the bits of a pointer.
    if (length === undefined || length > longestLabel) return undefined;
    at += 1;
    if (length === 0) break;
    if (at + length > message.length || at + length - headerBytes > longestName - 1) return undefined;
    labels.push(String.fromCharCode(...message.subarray(at, at + length)).toLowerCase());
    at += length;
  }
  if (at + 4 > message.length) return undefined;
  const isPlain = labels.every((label) => /^[a-z0-9_-]+$/.test(label));
  return { name: isPlain ? labels.join(".") : undefined, type: wordAt(message, at), class: wordAt(message, at + 2), end: at + 4 };
}

/** The answer to a query that was read, with the IPv4 addresses (none: the name exists and has no record of that type). */
export function answerQuery(
  query: Uint8Array,
  question: Question,
  records: { readonly addresses: readonly string[]; readonly ttlSec: number },
): Uint8Array {
  const { addresses, ttlSec } = records;
  const reply = new Uint8Array(question.end + 16 * addresses.length);
  reply.set(query.subarray(0, question.end));
  const view = new DataView(reply.buffer);
  view.setUint16(2, flags.response | flags.authoritative | (wordAt(query, 2) & flags.recursionDesired) | flags.recursionAvailable);
  view.setUint16(6, addresses.length);
  view.setUint16(10, 0);
  for (const [index, address] of addresses.entries()) {
    const at = question.end + 16 * index;
    // The name is the question's, at offset 12.
    view.setUint16(at, 0xc000 | headerBytes);
    view.setUint16(at + 2, types.a);
    view.setUint16(at + 4, internetClass);
    view.setUint32(at + 6, ttlSec);
    view.setUint16(at + 10, 4);
    reply.set(address.split(".").map(Number), at + 12);
  }
  return reply;
}

/** A refusal: the header alone, and the question where it could be read. */
export function refuseQuery(query: Uint8Array, rcode: number, question?: Question): Uint8Array {
  const reply = Uint8Array.from(query.subarray(0, question?.end ?? headerBytes));
  const view = new DataView(reply.buffer);
  const kept = wordAt(query, 2) & (flags.opcode | flags.recursionDesired);
  view.setUint16(2, flags.response | flags.recursionAvailable | kept | rcode);
  view.setUint16(4, question ? 1 : 0);
  for (const at of [6, 8, 10]) view.setUint16(at, 0);
  return reply;
}

/** Whether `reply` answers the query: the same id, and the same question where it repeats it, in whatever case. */
export function isReplyTo(query: Uint8Array, question: Question, reply: Uint8Array): boolean {
  if (reply.length < headerBytes || wordAt(reply, 0) !== wordAt(query, 0) || (wordAt(reply, 2) & flags.response) === 0) return false;
  if (wordAt(reply, 4) === 0) return true;
  if (wordAt(reply, 4) !== 1 || reply.length < question.end) return false;
  return textOf(query, question.end) === textOf(reply, question.end);
}

function textOf(message: Uint8Array, end: number): string {
  return String.fromCharCode(...message.subarray(headerBytes, end)).toLowerCase();
}

function wordAt(message: Uint8Array, at: number): number {
  return ((message[at] ?? 0) << 8) | (message[at + 1] ?? 0);
}
