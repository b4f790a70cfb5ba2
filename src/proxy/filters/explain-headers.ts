import type { HeaderMutation, HeaderValue } from "#ir/route.ts";
import type { RequestView } from "#proxy/match/request.ts";
import { askAsTheCaller, forwardRequestHeaders } from "./forwarding.ts";
import { applyRequestHeaders, type Chosen, type HeaderSources } from "./header-actions/apply.ts";

/** Header mutations summed up for people. */

export interface HeaderChanges {
  /** After everything removed is gone. Values of secrets are shown as `{secret.NAME}`, variables as `{NAME}`. */
  readonly headersToSet: readonly { readonly name: string; readonly value: string }[];
  readonly headersToRemove: readonly string[];
}

const shown: HeaderSources = { secret: (name) => `{secret.${name}}`, variable: (name) => `{${name}}` };

/**
 * The headers as the instance would get them, made by what makes them in the proxy; values of secrets and variables as in `HeaderChanges`.
 * What only a proxy knows is left out: the caller's address in `x-forwarded-for`, and `traceparent`.
 */
export function sentHeaders(request: RequestView, given: Headers, chosen: Chosen): { readonly name: string; readonly value: string }[] {
  const headers = new Headers(given);
  // `fetch` makes it from the instance's address.
  headers.delete("host");
  forwardRequestHeaders(headers, { method: request.method, scheme: request.scheme, authority: chosen.decision.authority });
  applyRequestHeaders(headers, chosen, shown);
  askAsTheCaller(headers);
  return [...headers].map(([name, value]) => ({ name, value }));
}

/** The sum of mutations carried out one after the other: a later removal or replacement takes an earlier value back. */
export function headerChanges(mutations: readonly HeaderMutation[]): HeaderChanges {
  let headersToSet: { name: string; value: string }[] = [];
  const removed = new Map<string, string>();
  const takeBack = (name: string): void => {
    headersToSet = headersToSet.filter((header) => header.name.toLowerCase() !== name.toLowerCase());
  };
  for (const mutation of mutations) {
    for (const name of mutation.remove) {
      takeBack(name);
      removed.set(name.toLowerCase(), name);
    }
    for (const [name, value] of mutation.set) {
      takeBack(name);
      headersToSet.push({ name, value: textOf(value) });
    }
    for (const [name, value] of mutation.add) headersToSet.push({ name, value: textOf(value) });
  }
  return { headersToSet, headersToRemove: [...removed.values()] };
}

function textOf(value: HeaderValue): string {
  return typeof value === "string" ? value : value.map(partText).join("");
}

function partText(part: Exclude<HeaderValue, string>[number]): string {
  if (typeof part === "string") return part;
  return "secret" in part ? `{secret.${part.secret}}` : `{${part.variable}}`;
}
