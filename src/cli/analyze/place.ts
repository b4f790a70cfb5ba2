/** From a warning of the compiler to the place in a file that it is about. */
import { isJsonObject, type Json } from "#base/json.ts";
import type { Manifest } from "../files/manifest.ts";
import { textOf } from "../output/fields.ts";

/** `httpRoutes/cart.rules[0].action: …`, `global/healthChecks/hc is …`: collection, name, and the way to the field. */
const about = /^(?:[\w-]+\/)*?([A-Za-z]+)\/([\w-]+)((?:\.[A-Za-z]+|\[[^\]]*\])*)/;

/** `file:line:col`; undefined for a resource that is in none of the files. */
export function placeOf(manifests: readonly Manifest[], warning: string): string | undefined {
  const [, collection, name, path = ""] = about.exec(warning) ?? [];
  const manifest = manifests.find((one) => one.kind.collection === collection && one.name === name);
  return manifest?.document.positionOf(`resource${numbered(manifest.body, path)}`);
}

/** Items that the compiler names by what people know them by, such as `routeRules[priority 10]`, by their numbers. */
function numbered(body: Json, path: string): string {
  let value: Json | undefined = body;
  let found = "";
  for (const [step] of path.matchAll(/\.[A-Za-z]+|\[[^\]]*\]/g)) {
    if (step.startsWith(".")) {
      found += step;
      value = isJsonObject(value) ? value[step.slice(1)] : undefined;
      continue;
    }
    const items: readonly Json[] = Array.isArray(value) ? value : [];
    const index = indexOf(items, step.slice(1, -1));
    if (index === -1) break;
    found += `[${index}]`;
    value = items[index];
  }
  return found;
}

function indexOf(items: readonly Json[], name: string): number {
  if (/^\d+$/.test(name)) return Number(name) < items.length ? Number(name) : -1;
  return items.findIndex((item) => isJsonObject(item) && (item["name"] === name || `priority ${textOf(item["priority"]) ?? ""}` === name));
}
