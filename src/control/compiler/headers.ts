/** Header actions of URL maps, header modifiers of routes and custom headers of backend services, as mutations. */
import type { HeaderMutation, HeaderValue } from "#ir/route.ts";
import type { HeaderAction } from "#model/compute/route-action.ts";
import type { HeaderModifier } from "#model/networkservices/http-route-action.ts";
import { splitSecrets } from "#model/secret-value.ts";
import type { Context } from "./context.ts";

/** Google's variables of custom headers, such as `{client_region}`: they turn the default of `replace` round. */
const variablePattern = /\{[a-z_]+\}/;

export const noMutation: HeaderMutation = { remove: [], set: [], add: [] };

interface Mutations {
  readonly request: HeaderMutation[];
  readonly response: HeaderMutation[];
}

/** Compute's `HeaderAction`, at any of its levels; nothing for one that does nothing. */
export function headerActionMutations(context: Context, action: HeaderAction | undefined): Mutations {
  const request = fromOptions(context, action?.requestHeadersToAdd, action?.requestHeadersToRemove);
  const response = fromOptions(context, action?.responseHeadersToAdd, action?.responseHeadersToRemove);
  return { request: unlessEmpty(request), response: unlessEmpty(response) };
}

function fromOptions(
  context: Context,
  options: HeaderAction["requestHeadersToAdd"] | undefined,
  remove: readonly string[] | undefined,
): HeaderMutation {
  const pairs = (options ?? []).map((option) => {
    const value = option.headerValue ?? "";
    const replace = option.replace ?? !variablePattern.test(value);
    return { replace, pair: [option.headerName ?? "", headerValue(context, value)] as const };
  });
  return {
    remove: remove ?? [],
    set: pairs.filter(({ replace }) => replace).map(({ pair }) => pair),
    add: pairs.filter(({ replace }) => !replace).map(({ pair }) => pair),
  };
}

/** Network Services' `HeaderModifier`. */
export function modifierMutations(context: Context, modifier: HeaderModifier | undefined): HeaderMutation[] {
  const pairs = (map: Readonly<Record<string, string>> | undefined): (readonly [string, HeaderValue])[] =>
    Object.entries(map ?? {}).map(([name, value]) => [name, headerValue(context, value)]);
  return unlessEmpty({ remove: modifier?.remove ?? [], set: pairs(modifier?.set), add: pairs(modifier?.add) });
}

/**
 * `customRequestHeaders` and `customResponseHeaders`: `Name:Value` texts. They replace what the other side sent, so that a caller
 * cannot forge them; a name given twice keeps both of its values.
 */
export function customHeaders(context: Context, texts: readonly string[] | undefined): HeaderMutation {
  const set: (readonly [string, HeaderValue])[] = [];
  const add: (readonly [string, HeaderValue])[] = [];
  const seen = new Set<string>();
  for (const text of texts ?? []) {
    const colon = text.indexOf(":");
    if (colon < 1) continue;
    const name = text.slice(0, colon).trim();
    const target = seen.has(name.toLowerCase()) ? add : set;
    seen.add(name.toLowerCase());
    target.push([name, headerValue(context, text.slice(colon + 1).trim())]);
  }
  return { remove: [], set, add };
}

/** Text, or its parts where it names secrets; the names are noted in the context. What does not name a secret rightly is text. */
function headerValue(context: Context, text: string): HeaderValue {
  const parts = splitSecrets(text) ?? [];
  const names = parts.flatMap((part) => (typeof part === "string" ? [] : [part.secret]));
  for (const name of names) context.secretNames.add(name);
  return names.length === 0 ? text : parts;
}

function unlessEmpty(mutation: HeaderMutation): HeaderMutation[] {
  const size = mutation.remove.length + mutation.set.length + mutation.add.length;
  return size === 0 ? [] : [mutation];
}
