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
 * The answer of `status`: `proxies`, one per service in the order of names; `publishing`, how many services have a generation that is not in
 * KV yet and what the last failure said; `conflicts`, hosts that two resources claim.
 */
export async function statusOf({ configurations, ledger, reports }: Sources, now: number): Promise<JsonObject> {
  const proxies: JsonObject[] = [];
  for (const { service, generation, stored } of ledger.all()) {
    if (service === directoryService) continue;
    const digest = stored?.generation === generation ? stored.digest : await digestOf(ledger.bytes(service));
    proxies.push(proxyStatus({ service, generation, digest }, reports.get(service), now));
  }
  return {
    proxies,
    publishing: { ...ledger.backlog() },
    conflicts: configurations.conflicts().map((conflict) => ({ ...conflict })),
  };
}

async function digestOf(bytes: Uint8Array<ArrayBuffer> | undefined): Promise<string> {
  return bytes ? sha256Hex(bytes) : "";
}
