/** A matcher that looks at every rule in turn and knows no shortcut: slow, and easily seen to be right. It shares no code with the real one. */
import type { HeaderMatch, Match, PathMatch, QueryMatch, ValueTest, VirtualHost } from "#ir/route.ts";
import type { RequestView } from "#proxy/match/request.ts";

/** Resource and index of the rule that takes the request, such as `host-0 rule 3`; undefined when none does. */
export function ruleByReference(hosts: readonly VirtualHost[], view: RequestView): string | undefined {
  const patterns = hosts.flatMap((host) => host.hosts.map((pattern) => ({ pattern, host })));
  const fitting = patterns.filter(({ pattern }) => hostFits(pattern, view.authority));
  const best = fitting.toSorted((a, b) => specificity(b.pattern) - specificity(a.pattern))[0];
  const rule = best?.host.rules.find(({ matches }) => matches.length === 0 || matches.some((each) => takes(each, view)));
  return rule && `${rule.ref.resource} rule ${rule.ref.index}`;
}

function hostFits(pattern: string, authority: string): boolean {
  if (pattern === "*") return true;
  const text = authority.toLowerCase();
  const given = hasPort(pattern) ? text : text.replace(/:\d+$/, "");
  // The asterisk stands for one character at the least.
  return pattern.startsWith("*") ? given.endsWith(pattern.slice(1)) && given.length >= pattern.length : given === pattern;
}

/** Exact before wildcard, with a port before without, long before short, `*` last. */
function specificity(pattern: string): number {
  if (pattern === "*") return 0;
  return pattern.length + (pattern.startsWith("*") ? 0 : 10_000) + (hasPort(pattern) ? 1_000 : 0);
}

const hasPort = (text: string): boolean => /:\d+$/.test(text);

function takes({ path, headers, query }: Match, view: RequestView): boolean {
  const [pathname = "", search = ""] = view.target.split("?");
  return (
    pathPasses(path, pathname) &&
    headers.every((header) => headerPasses(header, view)) &&
    query.every((parameter) => queryPasses(parameter, search))
  );
}

export function pathPasses(wanted: PathMatch, pathname: string): boolean {
  switch (wanted.kind) {
    case "any":
      return true;
    case "template":
      return fitsTemplate(wanted.value.slice(1).split("/"), pathname.slice(1).split("/"));
    case "regex":
      return new RegExp(`^(?:${wanted.value})$`, "s").test(pathname);
    case "exact":
    case "prefix": {
      const [text, given] = wanted.ignoreCase === true ? [wanted.value.toLowerCase(), pathname.toLowerCase()] : [wanted.value, pathname];
      return wanted.kind === "exact" ? given === text : given.startsWith(text);
    }
  }
}

/** Segment by segment; knows the templates of `generated.ts` and no others. */
function fitsTemplate(wanted: readonly string[], given: readonly string[]): boolean {
  const [first, ...rest] = wanted;
  if (first === undefined) return given.length === 0;
  // `{p=a/*}`, which the split at slashes has cut in two.
  if (first === "{p=a") return fitsTemplate(["a", ...rest], given);
  if (first === "**" || first === "{x=**}") {
    // At least the slash before it is there; then any number of segments, an empty one too.
    return given.some((_, index) => fitsTemplate(rest, given.slice(index + 1)));
  }
  const [segment, ...others] = given;
  if (segment === undefined) return false;
  if (first === "*.b") return segment.length > 2 && segment.endsWith(".b") && rest.length === 0 && others.length === 0;
  const fits = first === "*" || first === "{x}" || first === "*}" ? segment !== "" : segment === first;
  return fits && fitsTemplate(rest, others);
}

function headerPasses({ name, test, invert }: HeaderMatch, view: RequestView): boolean {
  const pseudo: Record<string, string> = { ":method": view.method, port: /:(\d+)$/.exec(view.authority)?.[1] ?? "80" };
  const text = pseudo[name] ?? view.headers.get(name);
  if (text === null) return invert === true && test.kind === "present";
  return valuePasses(test, text) !== (invert ?? false);
}

/** The first parameter of the name counts, decoded as a form's. */
function queryPasses({ name, test }: QueryMatch, search: string): boolean {
  const first = search.split("&").find((pair) => pair.startsWith(`${name}=`));
  return first !== undefined && valuePasses(test, decodeURIComponent(first.slice(name.length + 1).replaceAll("+", " ")));
}

function valuePasses(test: ValueTest, text: string): boolean {
  switch (test.kind) {
    case "present":
      return true;
    case "range":
      return /^[+-]?\d+$/.test(text) && Number(text) >= Number(test.start) && Number(text) < Number(test.end);
    case "regex":
      return new RegExp(`^(?:${test.value})$`, "s").test(text);
    case "exact":
      return text === test.value;
    case "prefix":
      return text.startsWith(test.value);
    case "suffix":
      return text.endsWith(test.value);
  }
}
