import { sha256Hex } from "#base/hash.ts";
import type { JsonObject } from "#base/json.ts";
import { directoryService } from "#ir/snapshot.ts";
import type { Configurations } from "../project/configurations.ts";
import type { Ledger } from "../publish/ledger.ts";
import type { ProxyReports } from "./reports.ts";
import { proxyStatus } from "./status.ts";

interface Sources {
  readonly configurations: Configurations;
  readonly ledger: Ledger;
  readonly reports: ProxyReports;
}

/**
 * The answer of `status`: `proxies`, in the order of their services' names, each that is not gone, or one row for a service without any;
 * `publishing`, how many services have a generation that is not in KV yet and what the last failure said; `conflicts`, hosts that two
 * resources claim; `warnings`, what resources ask for and services do not do.
 */
export async function statusOf({ configurations, ledger, reports }: Sources, now: number): Promise<JsonObject> {
  const proxies: JsonObject[] = [];
  for (const { service, generation, stored } of ledger.all()) {
    if (service === directoryService) continue;
    const digest = stored?.generation === generation ? stored.digest : await digestOf(ledger.bytes(service));
    const said = reports.of(service, now);
    for (const report of said.length > 0 ? said : [undefined]) proxies.push(proxyStatus({ service, generation, digest }, report, now));
  }
  return {
    proxies,
    publishing: { ...ledger.backlog() },
    conflicts: configurations.conflicts().map((conflict) => ({ ...conflict })),
    warnings: configurations.warnings().map(({ text, services }) => ({ text, services: [...services] })),
  };
}

async function digestOf(bytes: Uint8Array<ArrayBuffer> | undefined): Promise<string> {
  return bytes ? sha256Hex(bytes) : "";
}
