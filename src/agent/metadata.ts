/** What Compute Engine's metadata say of how this VM takes part: the attribute `gce-service-proxy` that gcloud's `--service-proxy` writes. */
import { isJsonObject, type Json } from "#base/json.ts";

export interface ServiceProxy {
  readonly servingPorts: readonly number[];
  readonly labels: Readonly<Record<string, string>>;
}

const withinMs = 2000;

/** Read from `GCE_METADATA_HOST`; undefined where that is not set, or says nothing of a service proxy. Never throws. */
export async function readServiceProxy(host: string | undefined): Promise<ServiceProxy | undefined> {
  if (host === undefined || host === "") return undefined;
  try {
    const url = `http://${host}/computeMetadata/v1/instance/attributes/gce-service-proxy`;
    const response = await fetch(url, { headers: { "metadata-flavor": "Google" }, signal: AbortSignal.timeout(withinMs) });
    return response.ok ? parseServiceProxy(await response.text()) : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined for text that is no such JSON. */
export function parseServiceProxy(text: string): ServiceProxy | undefined {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
  if (!isJsonObject(value)) return undefined;
  const { service, labels } = value;
  const ports = isJsonObject(service) ? service["serving-ports"] : undefined;
  return {
    servingPorts: (Array.isArray(ports) ? ports : []).map(Number).filter((port) => Number.isInteger(port) && port >= 1 && port <= 65_535),
    labels: Object.fromEntries(
      Object.entries(isJsonObject(labels) ? labels : {}).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
    ),
  };
}
