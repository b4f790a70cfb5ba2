/**
 * XXH64 (xxHash by Yann Collet, 64 bits) of UTF-8 text: the hash of Envoy's ring and Maglev tables, so that both send a key to the same
 * endpoint. Fast and well spread; never for trust.
 *
 * Words of 64 bits are two halves of 32, since tables of many endpoints take tens of thousands of hashes and BigInt arithmetic makes a heap
 * object at each step.
 */

/** A word under computation. */
class Word {
  high: number;
  low: number;

  constructor(high: number, low: number) {
    this.high = high;
    this.low = low;
  }

  add({ high, low }: Word): this {
    const sum = (this.low >>> 0) + (low >>> 0);
    this.low = sum | 0;
    this.high = (this.high + high + (sum > 0xffffffff ? 1 : 0)) | 0;
    return this;
  }

  xor({ high, low }: Word): this {
    this.high ^= high;
    this.low ^= low;
    return this;
  }

  multiply({ high, low }: Word): this {
    // The lower halves give 64 bits, in four products of 16 bits each; of the rest only what stays below 2^64 counts.
    const a = this.low >>> 16;
    const b = this.low & 0xffff;
    const c = low >>> 16;
    const d = low & 0xffff;
    const middle = ((a * d) >>> 0) + ((b * d) >>> 16);
    const next = ((middle & 0xffff) + b * c) >>> 0;
    const carry = ((a * c) | 0) + ((middle / 0x10000) | 0) + (next >>> 16);
    this.high = (carry + Math.imul(this.high, low) + Math.imul(this.low, high)) | 0;
    this.low = Math.imul(this.low, low);
    return this;
  }

  /** `bits`: 1 to 31. */
  rotate(bits: number): this {
    const { high, low } = this;
    this.high = (high << bits) | (low >>> (32 - bits));
    this.low = (low << bits) | (high >>> (32 - bits));
    return this;
  }

  /** `this ^= this >> bits`. */
  fold(bits: number): this {
    const { high, low } = this;
    this.low ^= bits >= 32 ? high >>> (bits - 32) : (low >>> bits) | (high << (32 - bits));
    this.high ^= bits >= 32 ? 0 : high >>> bits;
    return this;
  }
}

const p1 = new Word(0x9e3779b1, 0x85ebca87);
const p2 = new Word(0xc2b2ae3d, 0x27d4eb4f);
const p3 = new Word(0x165667b1, 0x9e3779f9);
const p4 = new Word(0x85ebca77, 0xc2b2ae63);
const p5 = new Word(0x27d4eb2f, 0x165667c5);
const minusP1 = new Word(~0x9e3779b1, -0x85ebca87 | 0);

const encoder = new TextEncoder();
/** Keys are short: making room for each would cost as much as hashing it. */
const scratch = new DataView(new ArrayBuffer(1024));
const scratchBytes = new Uint8Array(scratch.buffer);

/** The hash as an unsigned 64-bit integer. `seed`: below 2^31. */
export function xxHash64(text: string, seed = 0): bigint {
  const { view, length } = encoded(text);
  let at = length - (length % 32);
  const hash = at > 0 ? stripes(view, at, seed) : new Word(0, seed).add(p5);
  hash.add(new Word(0, length));
  for (; at + 8 <= length; at += 8)
    hash
      .xor(round(new Word(0, 0), read(view, at)))
      .rotate(27)
      .multiply(p1)
      .add(p4);
  if (at + 4 <= length) {
    hash
      .xor(new Word(0, view.getUint32(at, true)).multiply(p1))
      .rotate(23)
      .multiply(p2)
      .add(p3);
    at += 4;
  }
  for (; at < length; at++)
    hash
      .xor(new Word(0, view.getUint8(at)).multiply(p5))
      .rotate(11)
      .multiply(p1);
  hash.fold(33).multiply(p2).fold(29).multiply(p3).fold(32);
  return (BigInt(hash.high >>> 0) << 32n) | BigInt(hash.low >>> 0);
}

function encoded(text: string): { readonly view: DataView; readonly length: number } {
  // A UTF-16 code unit takes three bytes at the most.
  if (text.length * 3 <= scratch.byteLength) return { view: scratch, length: encoder.encodeInto(text, scratchBytes).written };
  const bytes = encoder.encode(text);
  return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), length: bytes.length };
}

/** The first `end` bytes, a multiple of 32, in four lanes. */
function stripes(view: DataView, end: number, seed: number): Word {
  const a = new Word(0, seed).add(p1).add(p2);
  const b = new Word(0, seed).add(p2);
  const c = new Word(0, seed);
  const d = new Word(0, seed).add(minusP1);
  for (let at = 0; at < end; at += 32) {
    round(a, read(view, at));
    round(b, read(view, at + 8));
    round(c, read(view, at + 16));
    round(d, read(view, at + 24));
  }
  const lanes = [a, b, c, d].map((lane) => new Word(lane.high, lane.low));
  const hash = a.rotate(1).add(b.rotate(7)).add(c.rotate(12)).add(d.rotate(18));
  for (const lane of lanes)
    hash
      .xor(round(new Word(0, 0), lane))
      .multiply(p1)
      .add(p4);
  return hash;
}

function round(lane: Word, input: Word): Word {
  return lane.add(input.multiply(p2)).rotate(31).multiply(p1);
}

function read(view: DataView, at: number): Word {
  return new Word(view.getInt32(at + 4, true), view.getInt32(at, true));
}
