import type { JsonObject } from "#base/json.ts";
import { invalid } from "./faults.ts";
import { parseFilter } from "./filter.ts";

/** A resource as it is answered, with the key that makes its place in a list unique. */
export interface Listed {
  readonly key: string;
  readonly body: JsonObject;
}

/** Part of a list. */
export interface Page {
  readonly items: readonly Listed[];
  /** Absent on the last page. */
  readonly nextPageToken?: string;
}

/** Names of the paging parameters: Compute says `maxResults`, everything under `/v1` says `pageSize`. */
export type SizeParameter = "maxResults" | "pageSize";

const maxPage = 500;

/**
 * Filter, order and one page of a list. A token names the last item of its page by its place in the order, so that what is created or
 * deleted between two pages neither repeats nor hides another item.
 */
export function pageOf(all: readonly Listed[], query: Readonly<Record<string, string>>, size: SizeParameter): Page {
  const filter = parseFilter(query["filter"] ?? "");
  const order = orderOf(query["orderBy"] ?? "");
  const limit = limitOf(query, size);
  const after = query["pageToken"] ? decodeToken(query["pageToken"]) : undefined;
  const rest = all
    .filter((listed) => filter(listed.body))
    .map((listed): Placed => ({ ...listed, rank: order.rank(listed.body) }))
    .sort(order.compare)
    .filter((placed) => after === undefined || order.compare(placed, after) > 0);
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  return { items, ...(last && rest.length > items.length ? { nextPageToken: encodeToken(last) } : {}) };
}

interface Placed extends Listed {
  readonly rank: string;
}

/** A place in an order. */
type Spot = Pick<Placed, "rank" | "key">;

interface Order {
  readonly rank: (body: JsonObject) => string;
  readonly compare: (a: Spot, b: Spot) => number;
}

function orderOf(text: string): Order {
  const match = /^\s*(?:(name)(?:\s+asc)?|(creationTimestamp)\s+desc)?\s*$/.exec(text);
  if (!match) throw invalid("orderBy", text, "Only 'name' and 'creationTimestamp desc' are supported.");
  const field = match[2] ?? "name";
  const direction = match[2] === undefined ? 1 : -1;
  return {
    rank: (body) => (typeof body[field] === "string" ? body[field] : ""),
    compare: (a, b) => direction * compareText(a.rank, b.rank) || compareText(a.key, b.key),
  };
}

function limitOf(query: Readonly<Record<string, string>>, parameter: SizeParameter): number {
  const text = query[parameter];
  if (text === undefined || text === "") return maxPage;
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(limit)) throw invalid(parameter, text, "It must be an integer that is not negative.");
  if (parameter === "maxResults" && limit > maxPage) {
    throw invalid(parameter, text, `Acceptable values are 0 to ${maxPage}, inclusive.`);
  }
  // 0 asks for the server's own choice; a page size beyond the limit is cut to it (AIP-158).
  return limit === 0 ? maxPage : Math.min(limit, maxPage);
}

function encodeToken(placed: Placed): string {
  const bytes = new TextEncoder().encode(JSON.stringify([placed.rank, placed.key]));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

function decodeToken(token: string): Spot {
  try {
    const bytes = Uint8Array.from(atob(token.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.codePointAt(0) ?? 0);
    const [rank, key] = JSON.parse(new TextDecoder().decode(bytes)) as unknown[];
    if (typeof rank === "string" && typeof key === "string") return { rank, key };
  } catch {
    // Not a token of ours: refused below like any other.
  }
  throw invalid("pageToken", token, "The token is not one that this list gave.");
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
