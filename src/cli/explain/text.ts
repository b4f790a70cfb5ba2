/** An explanation as a tree: the request, what becomes of it, and each rule with its reason. */
import { isJsonObject, type Json, type JsonObject } from "#base/json.ts";
import pc from "picocolors";
import { objectOf, objectsOf, textOf, textsOf } from "../output/fields.ts";
import { treeLines, type TreeNode } from "../output/tree.ts";
import { policyNodes, wordsOf } from "./policies.ts";

export function explainText(request: { method: string; url: string }, answer: JsonObject): string {
  const tree: TreeNode = {
    label: pc.bold(`${request.method} ${request.url}`),
    children: [
      ...pastNodes(answer),
      leaf("service", textOf(answer["service"]) ?? "none"),
      leaf("rule", answer["rule"] === undefined ? "none" : ruleName(objectOf(answer["rule"]))),
      leaf("action", textOf(answer["action"]) ?? "none"),
      ...(answer["refused"] === undefined ? [] : [leaf("refused", textOf(answer["refused"]) ?? "")]),
      ...outcomeNodes(answer),
      ...destinationNodes(answer),
      ...policyNodes(objectOf(answer["policies"])),
      ...listNode("warnings", textsOf(answer["warnings"])),
      { label: "why", children: objectsOf(answer["trace"]).map(traceNode) },
    ],
  };
  return `${treeLines(tree).join("\n")}\n`;
}

function leaf(name: string, value: string): TreeNode {
  return { label: `${name.padEnd(9)} ${value}` };
}

function listNode(label: string, lines: readonly string[]): TreeNode[] {
  return lines.length === 0 ? [] : [{ label, children: lines.map((line) => ({ label: line })) }];
}

/** What the mesh answered at the time, when the explanation is of an id. */
function pastNodes({ past }: JsonObject): TreeNode[] {
  if (!isJsonObject(past)) return [];
  const { reason, text, atMs } = objectOf(past["answered"]);
  const withheld = textsOf(past["withheld"]);
  const notes = [
    ...(past["isOutdated"] === true ? ["the configuration has changed since: what follows is what would happen now"] : []),
    ...(withheld.length > 0 ? [`not kept, so that rules on them may read otherwise: ${withheld.join(", ")}`] : []),
  ];
  const when = typeof atMs === "number" ? ` at ${new Date(atMs).toISOString()}` : "";
  return [
    {
      label: `answered  ${pc.yellow(textOf(reason) ?? "")}${when}`,
      children: [textOf(text) ?? "", ...notes].map((label) => ({ label })),
    },
  ];
}

/** `urlMaps/catalog, path matcher shop, priority 10` */
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

function outcomeNodes({ upstream, redirect, directResponse }: JsonObject): TreeNode[] {
  const nodes: TreeNode[] = [];
  if (upstream !== undefined) nodes.push(upstreamNode(objectOf(upstream)));
  if (redirect !== undefined)
    nodes.push(leaf("redirect", `${textOf(objectOf(redirect)["code"])} ${textOf(objectOf(redirect)["location"])}`));
  if (directResponse !== undefined) {
    const { status, body } = objectOf(directResponse);
    nodes.push(leaf("response", `${textOf(status)} ${JSON.stringify(body ?? "")}`));
  }
  return nodes;
}

function upstreamNode(upstream: JsonObject): TreeNode {
  const timeout = Number(upstream["timeoutMs"] ?? 0);
  return {
    ...leaf("upstream", `${textOf(upstream["method"]) ?? ""} ${textOf(upstream["url"]) ?? ""}`.trim()),
    children: [{ label: `timeout ${timeout === 0 ? "none" : `${timeout / 1000} s`}` }, ...headerNodes(upstream), ...sentNode(upstream)],
  };
}

function headerNodes(changes: JsonObject): TreeNode[] {
  return [
    ...objectsOf(changes["headersToSet"]).map((header) => ({ label: `set ${textOf(header["name"])}: ${textOf(header["value"])}` })),
    ...textsOf(changes["headersToRemove"]).map((name) => ({ label: `remove ${name}` })),
  ];
}

/** The headers as an instance would get them. */
function sentNode({ sentHeaders }: JsonObject): TreeNode[] {
  const children = objectsOf(sentHeaders).map((header) => ({ label: `${textOf(header["name"])}: ${textOf(header["value"])}` }));
  return children.length === 0 ? [] : [{ label: "sent with", children }];
}

function destinationNodes(answer: JsonObject): TreeNode[] {
  const destinations = objectsOf(answer["destinations"]);
  const total = destinations.reduce((sum, one) => sum + Number(one["weight"] ?? 0), 0);
  return destinations.map((one) => {
    const share = total > 0 ? ` (${Math.round((Number(one["weight"]) / total) * 1000) / 10} %)` : "";
    return {
      label: `→ ${textOf(one["backendService"])}${destinations.length > 1 ? share : ""}`,
      children: [
        ...headerNodes(objectOf(one["headers"])),
        ...sentNode(one),
        ...balancingNodes(one),
        ...circuitNodes(one),
        ...endpointNodes(one),
      ],
    };
  });
}

function balancingNodes({ balancing }: JsonObject): TreeNode[] {
  return Object.entries(objectOf(balancing)).map(([name, value]) => ({ label: `${name}: ${wordsOf(value)}` }));
}

function circuitNodes(destination: JsonObject): TreeNode[] {
  const circuits = objectsOf(destination["circuits"]);
  return circuits.map(({ proxy, state, active, limit, overflows }) => {
    const of = circuits.length > 1 ? ` of proxy ${textOf(proxy) ?? "?"}` : "";
    const most = limit === undefined ? "" : ` of ${textOf(limit)}`;
    return { label: `circuit${of}: ${textOf(state)}, ${textOf(active)}${most} under way, ${textOf(overflows)} refused` };
  });
}

function endpointNodes({ endpoints, endpointsOmitted }: JsonObject): TreeNode[] {
  if (endpoints === undefined) return [];
  const listed = objectsOf(endpoints);
  const omitted = typeof endpointsOmitted === "number" ? [{ label: `and ${endpointsOmitted} more` }] : [];
  const children = [...listed.map(endpointNode), ...omitted];
  return [{ label: children.length === 0 ? "no endpoints" : "endpoints", children }];
}

function endpointNode(endpoint: JsonObject): TreeNode {
  const { instance, address, port, zone, health, ejected, weight } = endpoint;
  const by = textsOf(endpoint["ejectedBy"]);
  const state = ejected === true ? pc.yellow(by.length === 0 ? "ejected" : `ejected by proxy ${by.join(", ")}`) : healthText(health);
  const part = typeof weight === "number" ? [`${weight * 100} % of its share`] : [];
  return { label: [textOf(instance), `${textOf(address)}:${textOf(port)}`, textOf(zone), state, ...part].join("  ") };
}

function healthText(health: Json | undefined): string {
  const text = textOf(health) ?? "UNKNOWN";
  return text === "HEALTHY" ? pc.green(text) : pc.red(text);
}

function traceNode(step: JsonObject): TreeNode {
  const mark = step["matched"] === true ? pc.green("✓") : pc.dim("·");
  const rule = step["rule"] === undefined ? "" : `${ruleName(objectOf(step["rule"]))}: `;
  return { label: `${mark} ${rule}${textOf(step["why"])}` };
}
