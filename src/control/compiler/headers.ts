/** Header actions of URL maps, header modifiers of routes and custom headers of backend services, as mutations. */
import { headerVariables } from "#ir/header-variables.ts";
import type { HeaderMutation, HeaderValue } from "#ir/route.ts";
import type { HeaderAction } from "#model/compute/route-action.ts";
import type { HeaderModifier } from "#model/networkservices/http-route-action.ts";
import { splitSecrets } from "#model/secret-value.ts";
import type { Context } from "./context.ts";

/** Where a variable of custom headers may stand. */
const variablePattern = /\{([a-z_]+)\}/;

/** A variable turns the default of `replace` round (Google). */
function hasVariable(value: string): boolean {
  return split(value).some((part) => typeof part !== "string");
}

type VariablePart = string | { readonly variable: string };

function split(text: string): VariablePart[] {
  const pieces = text.split(variablePattern);
  const parts: VariablePart[] = [];
  // What the pattern caught stands between the pieces.
  for (const [index, piece] of pieces.entries()) {
    const last = parts.at(-1);
    if (index % 2 === 1 && headerVariables.has(piece)) parts.push({ variable: piece });
    else {
      const plain = index % 2 === 1 ? `{${piece}}` : piece;
      if (typeof last === "string") parts.splice(-1, 1, last + plain);
      else if (plain !== "") parts.push(plain);
    }
  }
  return parts;
}

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
    const replace = option.replace ?? !hasVariable(value);
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

/** Text, or its parts where it names secrets or variables; the names of secrets are noted in the context. What does not name a secret rightly is text. */
function headerValue(context: Context, text: string): HeaderValue {
  const parts: (VariablePart | { readonly secret: string })[] = [];
  for (const part of splitSecrets(text) ?? [text]) {
    if (typeof part === "string") parts.push(...split(part));
    else {
      context.secretNames.add(part.secret);
      parts.push(part);
    }
  }
  return parts.every((part) => typeof part === "string") ? text : parts;
}

function unlessEmpty(mutation: HeaderMutation): HeaderMutation[] {
  const size = mutation.remove.length + mutation.set.length + mutation.add.length;
  return size === 0 ? [] : [mutation];
}
