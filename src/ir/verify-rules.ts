import type { JsonObject } from "#base/json.ts";
import { isFieldName, isFieldValue } from "./field.ts";
import type { Inspector } from "./inspector.ts";
import { limits } from "./limits.ts";
import { retryConditions } from "./route.ts";
import { verifyAttempts } from "./verify-attempts.ts";
import { verifyRateLimits } from "./verify-resilience.ts";
import { verifyMirror, verifyRulePolicies, verifyTemplate, verifyTemplateRewrite } from "./verify-actions.ts";
import { verifyStickyCookie } from "./verify-choice.ts";

/** The part of the verification that concerns virtual hosts: rules, predicates, actions and header mutations. */

/** What rules may refer to, and what has been counted so far. */
export interface Scope {
  readonly inspector: Inspector;
  readonly clusters: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
  readonly hosts: Set<string>;
  rules: number;
}

/** A host pattern of a virtual host: a name, `*.` or `*-` and a suffix, each with an optional port, or `*`; lower case. */
export const hostPattern = /^(?:\*|(?:\*[.-])?[a-z0-9_](?:[a-z0-9._-]{0,252})?(?::\d{1,5})?)$/;

// What may stand in an authority that is put into a URL: nothing that would end it there.
const authorityPattern = /^[A-Za-z0-9._~%!$&'()*+,;=:[\]-]{1,255}$/;
const pseudoHeaders: readonly string[] = [":method", ":authority", ":path", ":scheme"];
const int64Pattern = /^-?\d{1,19}$/;
const base64Pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const milliseconds = [0, Number.MAX_SAFE_INTEGER] as const;

/** Checks one virtual host. */
export function verifyVirtualHost(scope: Scope, host: JsonObject): void {
  const { inspector, hosts } = scope;
  const names = inspector.strings(host, "hosts", (name) => hostPattern.test(name));
  if (names.length === 0) inspector.fail("hosts", "empty");
  for (const name of names) {
    if (hosts.has(name)) inspector.fail("hosts", `${name} is claimed by two virtual hosts`);
    hosts.add(name);
  }
  inspector.objects(host, "rules", (rule) => verifyRule(scope, rule));
}

function verifyRule(scope: Scope, rule: JsonObject): void {
  const { inspector } = scope;
  scope.rules += 1;
  if (scope.rules > limits.rules) inspector.fail("ref", `more than ${limits.rules} rules`);
  inspector.object(rule, "ref", (ref) => {
    inspector.name(ref, "resource");
    if (ref["index"] !== undefined) inspector.integer(ref, "index", [0, Number.MAX_SAFE_INTEGER]);
    if (ref["priority"] !== undefined) inspector.integer(ref, "priority", [0, 2 ** 31 - 1]);
    if (ref["pathMatcher"] !== undefined) inspector.string(ref, "pathMatcher");
    inspector.optionalBoolean(ref, "isDefault");
  });
  inspector.objects(rule, "matches", (match) => verifyMatch(inspector, match));
  inspector.object(rule, "action", (action) => verifyAction(scope, action));
  verifyRulePolicies(inspector, rule);
  verifyRateLimits(inspector, rule);
  verifyMutations(scope, rule);
}

function verifyMatch(inspector: Inspector, match: JsonObject): void {
  inspector.object(match, "path", (path) => {
    const kind = inspector.oneOf(path, "kind", ["prefix", "exact", "regex", "template", "any"]);
    if (kind === "template") verifyTemplate(inspector, path);
    else if (kind !== "any") inspector.string(path, "value");
    inspector.optionalBoolean(path, "ignoreCase");
  });
  inspector.objects(match, "headers", (header) => {
    const name = inspector.string(header, "name");
    const known = isFieldName(name) ? name === name.toLowerCase() : pseudoHeaders.includes(name);
    if (!known) inspector.fail("name", `${JSON.stringify(name.slice(0, 100))} is not a header name in lower case`);
    inspector.optionalBoolean(header, "invert");
    inspector.object(header, "test", (test) => verifyTest(inspector, test));
  });
  inspector.objects(match, "query", (query) => {
    inspector.string(query, "name");
    inspector.object(query, "test", (test) => verifyTest(inspector, test));
  });
}

function verifyTest(inspector: Inspector, test: JsonObject): void {
  const kind = inspector.oneOf(test, "kind", ["exact", "prefix", "suffix", "regex", "present", "range"]);
  if (kind === "range") {
    inspector.text(test, "start", int64Pattern);
    inspector.text(test, "end", int64Pattern);
  } else if (kind !== "present") {
    inspector.string(test, "value");
  }
}

function verifyAction(scope: Scope, action: JsonObject): void {
  const { inspector } = scope;
  switch (inspector.oneOf(action, "kind", ["route", "redirect", "directResponse"])) {
    case "route":
      return verifyRoute(scope, action);
    case "redirect":
      return verifyRedirect(inspector, action);
    case "directResponse":
      return verifyDirectResponse(inspector, action);
  }
}

function verifyRoute(scope: Scope, action: JsonObject): void {
  const { inspector } = scope;
  inspector.objects(action, "destinations", (destination) => {
    const cluster = inspector.string(destination, "cluster");
    if (!scope.clusters.has(cluster)) inspector.fail("cluster", `no cluster ${JSON.stringify(cluster.slice(0, 100))} in this snapshot`);
    inspector.number(destination, "weight", [0, Number.MAX_SAFE_INTEGER]);
    verifyMutations(scope, destination);
  });
  inspector.optionalObject(action, "rewrite", (rewrite) => {
    if (rewrite["prefix"] !== undefined) inspector.string(rewrite, "prefix");
    if (rewrite["host"] !== undefined) inspector.text(rewrite, "host", authorityPattern);
    verifyTemplateRewrite(inspector, rewrite);
  });
  verifyMirror(scope, action);
  verifyStickyCookie(inspector, action);
  verifyAttempts(inspector, action);
  inspector.number(action, "timeoutMs", milliseconds);
  inspector.optionalObject(action, "retry", (retry) => {
    inspector.strings(retry, "conditions", (condition) => retryConditions.some((known) => known === condition));
    inspector.integer(retry, "retries", [0, Number.MAX_SAFE_INTEGER]);
    if (retry["perTryTimeoutMs"] !== undefined) inspector.number(retry, "perTryTimeoutMs", milliseconds);
  });
}

function verifyRedirect(inspector: Inspector, action: JsonObject): void {
  const status = inspector.integer(action, "status", [301, 308]);
  if (![301, 302, 303, 307, 308].includes(status)) inspector.fail("status", "not 301, 302, 303, 307 or 308");
  if (action["host"] !== undefined) inspector.text(action, "host", authorityPattern);
  if (action["path"] !== undefined) inspector.string(action, "path");
  if (action["prefix"] !== undefined) inspector.string(action, "prefix");
  if (action["port"] !== undefined) inspector.integer(action, "port", [1, 65535]);
  inspector.optionalBoolean(action, "https");
  inspector.optionalBoolean(action, "stripQuery");
}

function verifyDirectResponse(inspector: Inspector, action: JsonObject): void {
  // The range of the Response constructor, which would throw on anything else.
  inspector.integer(action, "status", [200, 599]);
  inspector.object(action, "body", (body) => {
    if (body["base64"] === undefined) inspector.string(body, "text");
    else inspector.text(body, "base64", base64Pattern);
  });
}

function verifyMutations(scope: Scope, parent: JsonObject): void {
  scope.inspector.objects(parent, "requestHeaders", (mutation) => verifyMutation(scope, mutation));
  scope.inspector.objects(parent, "responseHeaders", (mutation) => verifyMutation(scope, mutation));
}

/** Checks one header mutation: names and values that a `Headers` object takes, secrets that the snapshot lists. */
export function verifyMutation(scope: Pick<Scope, "inspector" | "secrets">, mutation: JsonObject): void {
  scope.inspector.strings(mutation, "remove", isFieldName);
  for (const verb of ["set", "add"]) {
    for (const [index, entry] of scope.inspector.list(mutation, verb).entries()) {
      const problem = headerProblem(entry, scope.secrets);
      if (problem !== undefined) scope.inspector.fail(`${verb}[${index}]`, problem);
    }
  }
}

function headerProblem(entry: unknown, secrets: ReadonlySet<string>): string | undefined {
  if (!Array.isArray(entry) || entry.length !== 2) return "not a pair of name and value";
  const [name, value]: unknown[] = entry;
  if (typeof name !== "string" || !isFieldName(name)) return "the name is not a header name (RFC 9110 5.1)";
  const parts: unknown[] = Array.isArray(value) ? value : [value];
  for (const part of parts) {
    const secret: unknown = typeof part === "object" && part !== null && "secret" in part ? part.secret : undefined;
    if (typeof part === "object" && part !== null && "variable" in part && typeof part.variable === "string") continue;
    if (typeof secret === "string") {
      if (!secrets.has(secret)) return `the secret ${JSON.stringify(secret.slice(0, 100))} is not listed in this snapshot`;
    } else if (typeof part !== "string" || !isFieldValue(part)) {
      return "the value is not a header value (RFC 9110 5.5)";
    }
  }
  return undefined;
}
