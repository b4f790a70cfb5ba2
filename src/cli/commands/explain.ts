/** `wayside explain`: what the mesh does to a request, and why. */
import type { JsonObject } from "#base/json.ts";
import pc from "picocolors";
import { CommandError, exitCodes } from "../exit.ts";
import { type ApiOptions, clientOf } from "../options.ts";
import { objectOf, objectsOf, textOf, textsOf } from "../output/fields.ts";
import { print } from "../output/print.ts";
import { projectPath } from "../resources/paths.ts";

export interface ExplainOptions extends ApiOptions {
  readonly header: readonly string[];
}

/** Ends with status 1 when no rule takes the request, so that a script can ask. */
export async function run({ method, url }: { method: string; url: string }, options: ExplainOptions): Promise<void> {
  const request = { method, url: url.includes("://") ? url : `http://${url}`, headers: options.header.map(headerOf) };
  const answer = await clientOf(options).call("POST", `${projectPath("wayside", options.project)}/explain`, request);
  print(options.output, answer, () => explainText(request, answer));
  if (answer["matched"] !== true) process.exitCode = exitCodes.failed;
}

function headerOf(text: string): { name: string; value: string } {
  const match = /^([^:=]+)[:=]\s*(.*)$/s.exec(text);
  if (match === null) throw new CommandError(`-H takes name=value or name: value, not '${text}'`, exitCodes.usage);
  return { name: (match[1] ?? "").trim(), value: match[2] ?? "" };
}

/** A tree: the request, what becomes of it, and each rule with its reason. */
export function explainText({ method, url }: { method: string; url: string }, answer: JsonObject): string {
  const action = textOf(answer["action"]) ?? "none";
  const lines = [
    pc.bold(`${method} ${url}`),
    field("service", textOf(answer["service"]) ?? "none"),
    field("rule", answer["rule"] === undefined ? "none" : ruleName(objectOf(answer["rule"]))),
    field("action", action),
    ...destinationLines(answer),
    ...outcomeLines(answer),
    "why",
    ...objectsOf(answer["trace"]).map(traceLine),
  ];
  return `${lines.join("\n")}\n`;
}

function field(name: string, value: string): string {
  return `  ${name.padEnd(11)}${value}`;
}

/** `urlMaps/catalog priority 10` */
function ruleName(rule: JsonObject): string {
  const place = [
    ["path matcher", rule["pathMatcher"]],
    ["priority", rule["priority"]],
    ["rule", rule["index"]],
  ] as const;
  const parts = place.flatMap(([name, value]) => (textOf(value) === undefined ? [] : [`${name} ${textOf(value)}`]));
  return [textOf(rule["resource"]), ...parts, ...(rule["isDefault"] === true ? ["default"] : [])]
    .filter((part) => part !== undefined)
    .join(", ");
}

function destinationLines(answer: JsonObject): string[] {
  const destinations = objectsOf(answer["destinations"]);
  const total = destinations.reduce((sum, one) => sum + Number(one["weight"] ?? 0), 0);
  return destinations.map((one) => {
    const share = total > 0 ? ` (${Math.round((Number(one["weight"]) / total) * 1000) / 10} %)` : "";
    return field("", `→ ${textOf(one["backendService"])}${destinations.length > 1 ? share : ""}`);
  });
}

function outcomeLines(answer: JsonObject): string[] {
  const { upstream, redirect, directResponse } = answer;
  const lines: string[] = [];
  if (upstream !== undefined) lines.push(...upstreamLines(objectOf(upstream)));
  if (redirect !== undefined)
    lines.push(field("redirect", `${textOf(objectOf(redirect)["code"])} ${textOf(objectOf(redirect)["location"])}`));
  if (directResponse !== undefined) {
    const { status, body } = objectOf(directResponse);
    lines.push(field("response", `${textOf(status)} ${JSON.stringify(body ?? "")}`));
  }
  return lines;
}

function upstreamLines(upstream: JsonObject): string[] {
  const timeout = Number(upstream["timeoutMs"] ?? 0);
  return [
    field("upstream", textOf(upstream["url"]) ?? ""),
    field("timeout", timeout === 0 ? "none" : `${timeout / 1000} s`),
    ...objectsOf(upstream["headersToSet"]).map((header) => field("", `set ${textOf(header["name"])}: ${textOf(header["value"])}`)),
    ...textsOf(upstream["headersToRemove"]).map((name) => field("", `remove ${name}`)),
  ];
}

function traceLine(step: JsonObject): string {
  const mark = step["matched"] === true ? pc.green("✓") : pc.dim("·");
  const rule = step["rule"] === undefined ? "" : `${ruleName(objectOf(step["rule"]))}: `;
  return `  ${mark} ${rule}${textOf(step["why"])}`;
}
