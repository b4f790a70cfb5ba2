/** Typed reading of SQLite rows. A column of another type than the schema says is our mistake, and throws. */
import type { SqlValue } from "./sql.ts";

export type Row = Readonly<Record<string, SqlValue>>;

export function textOf(row: Row, column: string): string {
  const value = row[column];
  if (typeof value === "string") return value;
  throw new TypeError(`column ${column} holds no text`);
}

export function numberOf(row: Row, column: string): number {
  const value = row[column];
  if (typeof value === "number") return value;
  throw new TypeError(`column ${column} holds no number`);
}

/** Durable Objects give an `ArrayBuffer`, `node:sqlite` a view of one. */
export function bytesOf(row: Row, column: string): Uint8Array<ArrayBuffer> {
  const value: unknown = row[column];
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength);
  throw new TypeError(`column ${column} holds no bytes`);
}

/** What was stored by `JSON.stringify`; the caller knows its shape. */
export function jsonOf<T>(row: Row, column: string): T {
  return JSON.parse(textOf(row, column)) as T;
}
