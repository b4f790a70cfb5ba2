import type { Kind } from "#model/kind.ts";
import { kindOfCollection } from "#model/kinds.ts";

/** The kind of a collection that the code itself names; that it exists is our own promise, so that its absence is our fault. */
export function requireKind(collection: string): Kind {
  const kind = kindOfCollection(collection);
  if (!kind) throw new Error(`no kind for the collection ${collection}`);
  return kind;
}
