import type { HeaderSources } from "#proxy/filters/header-actions/apply.ts";
import type { RequestView } from "#proxy/match/request.ts";
import type { Config } from "./config/keeper.ts";

/** Where header values that are not plain text come from: the secrets of the configuration, and what is known of the caller. */

/** A request as far as header variables ask for it. */
interface Asked {
  readonly request: Request;
  readonly view: Pick<RequestView, "scheme" | "authority" | "headers">;
  readonly config: Config;
}

/** `callerAddress` stands for the address where the runtime does not tell it. */
export function headerSources({ request, view, config }: Asked, callerAddress: string | undefined): HeaderSources {
  return {
    secret: (name) => config.secrets.reveal(name),
    variable: (name) => variables[name]?.({ request, view, callerAddress }) ?? "",
  };
}

/** The caller's address as Cloudflare says it, else what stands for it. */
export function callerAddressOf(headers: RequestView["headers"], callerAddress: string | undefined): string | undefined {
  return headers.get("cf-connecting-ip") ?? callerAddress;
}

interface Caller {
  readonly request: Request;
  readonly view: Asked["view"];
  readonly callerAddress: string | undefined;
}

/** A property of what Cloudflare's edge found out about the caller; absent elsewhere. */
function edge({ request }: Caller, property: string): string | undefined {
  const value = (request as { readonly cf?: Readonly<Record<string, unknown>> }).cf?.[property];
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
}

/** Google's variables, in its spellings. Those that are not here (the cache's, the load balancer's address) are never known. */
const variables: Readonly<Record<string, (caller: Caller) => string | undefined>> = {
  client_ip_address: ({ view, callerAddress }) => callerAddressOf(view.headers, callerAddress),
  client_region: (caller) => edge(caller, "country"),
  client_region_subdivision: (caller) => {
    const region = edge(caller, "regionCode");
    return region && `${edge(caller, "country") ?? ""}${region}`;
  },
  client_city: (caller) => edge(caller, "city"),
  client_city_lat_long: (caller) => {
    const latitude = edge(caller, "latitude");
    return latitude && `${latitude},${edge(caller, "longitude") ?? ""}`;
  },
  client_rtt_msec: (caller) => edge(caller, "clientTcpRtt"),
  client_protocol: (caller) => edge(caller, "httpProtocol"),
  client_encrypted: ({ view }) => String(view.scheme === "https"),
  origin_request_header: ({ view }) => view.headers.get("origin") ?? undefined,
  server_port: ({ view }) => /:(\d+)$/.exec(view.authority)?.[1] ?? (view.scheme === "https" ? "443" : "80"),
  tls_sni_hostname: ({ view }) => (view.scheme === "https" ? view.authority.replace(/:\d+$/, "") : undefined),
  tls_version: (caller) => edge(caller, "tlsVersion"),
  tls_cipher_suite: (caller) => edge(caller, "tlsCipher"),
};
