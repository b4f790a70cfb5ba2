import { hopByHop } from "#base/hop-by-hop.ts";

/**
 * One look at all fields of a message, which takes them out of the runtime: each further question to its `Headers` would cost more than all
 * answers from here.
 */

export interface Survey {
  /** As `Headers` has it; of several `Set-Cookie` lines the last one. */
  get(name: string): string | null;
  /** How many fields there are; lines of one name count once. */
  readonly lines: number;
  /** As in an HTTP/1.1 message. */
  readonly bytes: number;
  /** Hop-by-hop fields (RFC 9110 7.6.1 and 11.7) and the mesh's own, none of which a proxy sends on. Lower case. */
  readonly unfit: readonly string[];
  /** Neither one of those is there, nor another field that forwarding changes. */
  readonly isPlain: boolean;
}

/** Fields that forwarding changes where they are there. */
const changed: ReadonlySet<string> = new Set(["cookie", "forwarded", "max-forwards", "x-forwarded-client-cert"]);

/** Fields that only the mesh may set; a caller's or an upstream's are not to be believed. */
const ownPrefix = "x-wayside-";

export function surveyOf(headers: Headers): Survey {
  let lines = 0;
  let bytes = 0;
  let isPlain = true;
  const unfit: string[] = [];
  const fields = new Map<string, string>();
  // oxlint-disable-next-line unicorn/no-array-for-each -- workerd's iterators make objects for each entry, and this runs for every message
  headers.forEach((value, name) => {
    fields.set(name, value);
    lines += 1;
    bytes += name.length + value.length + 4;
    if (hopByHop.has(name) || name.startsWith(ownPrefix)) unfit.push(name);
    else if (changed.has(name)) isPlain = false;
  });
  const get = (name: string): string | null => fields.get(name) ?? fields.get(name.toLowerCase()) ?? null;
  return { get, lines, bytes, unfit, isPlain: isPlain && unfit.length === 0 };
}
