import { parsePathRewrite, parsePathTemplate } from "#base/path-template.ts";
import type { JsonObject } from "#base/json.ts";
import { isFieldName, isFieldValue } from "./field.ts";
import type { Inspector } from "./inspector.ts";
import { defaultMessageLimits, type PathPolicy } from "./policy.ts";

/** The part of the verification that concerns what is done to requests besides sending them on, and the bounds of messages. */

const percent = [0, 100] as const;
const milliseconds = [0, Number.MAX_SAFE_INTEGER] as const;
const escapedSlashes: readonly PathPolicy["escapedSlashes"][] = ["KEEP", "REJECT", "DECODE"];

/** Checks the template of a path match. */
export function verifyTemplate(inspector: Inspector, path: JsonObject): void {
  const parsed = parsePathTemplate(inspector.string(path, "value"));
  if ("error" in parsed) inspector.fail("value", parsed.error);
}

/** Checks `rewrite.template`. Whether the rule's matches have its variables is seen when they are compiled. */
export function verifyTemplateRewrite(inspector: Inspector, rewrite: JsonObject): void {
  if (rewrite["template"] === undefined) return;
  const parsed = parsePathRewrite(inspector.string(rewrite, "template"));
  if ("error" in parsed) inspector.fail("template", parsed.error);
}

/** Checks `mirror` of a route. */
export function verifyMirror(scope: { readonly inspector: Inspector; readonly clusters: ReadonlySet<string> }, action: JsonObject): void {
  const { inspector, clusters } = scope;
  inspector.optionalObject(action, "mirror", (mirror) => {
    const cluster = inspector.string(mirror, "cluster");
    if (!clusters.has(cluster)) inspector.fail("cluster", `no cluster ${JSON.stringify(cluster.slice(0, 100))} in this snapshot`);
    inspector.number(mirror, "percent", percent);
  });
}

/** Checks `fault` and `cors` of a rule. */
export function verifyRulePolicies(inspector: Inspector, rule: JsonObject): void {
  inspector.optionalObject(rule, "fault", (fault) => {
    inspector.optionalObject(fault, "delay", (delay) => {
      inspector.number(delay, "ms", milliseconds);
      inspector.number(delay, "percent", percent);
    });
    inspector.optionalObject(fault, "abort", (abort) => {
      inspector.integer(abort, "status", [200, 599]);
      inspector.number(abort, "percent", percent);
    });
  });
  inspector.optionalObject(rule, "cors", (cors) => {
    inspector.strings(cors, "allowOrigins", isFieldValue);
    inspector.strings(cors, "allowOriginRegexes", (pattern) => pattern !== "");
    inspector.strings(cors, "allowMethods", (method) => method === "*" || isFieldName(method));
    inspector.strings(cors, "allowHeaders", (name) => name === "*" || isFieldName(name));
    inspector.strings(cors, "exposeHeaders", (name) => name === "*" || isFieldName(name));
    if (cors["maxAgeSec"] !== undefined) inspector.integer(cors, "maxAgeSec", [-1, Number.MAX_SAFE_INTEGER]);
    if (typeof cors["allowCredentials"] !== "boolean") inspector.fail("allowCredentials", "not a boolean");
  });
}

/** Checks `paths` and `limits` of a snapshot. */
export function verifyMessagePolicies(inspector: Inspector, snapshot: JsonObject): void {
  inspector.optionalObject(snapshot, "paths", (paths) => {
    inspector.oneOf(paths, "escapedSlashes", escapedSlashes);
    if (typeof paths["mergeSlashes"] !== "boolean") inspector.fail("mergeSlashes", "not a boolean");
  });
  inspector.optionalObject(snapshot, "limits", (limits) => {
    for (const name of Object.keys(defaultMessageLimits)) inspector.integer(limits, name, [0, Number.MAX_SAFE_INTEGER]);
  });
}
