/** Queries byte by byte. */

/** A recursive query of class IN with id 7. */
export function queryFor(name: string, type: number): Uint8Array<ArrayBuffer> {
  const labels = name === "" ? [] : name.split(".");
  const question = labels.flatMap((label) => [label.length, ...Buffer.from(label, "latin1")]);
  return Uint8Array.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...question, 0, type >> 8, type & 255, 0, 1]);
}
