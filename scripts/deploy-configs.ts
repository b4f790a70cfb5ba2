/**
 * Writes a wrangler configuration for the proxy of every service that the given files define.
 *   npm run deploy:configs -- FILE|DIR… [--project P] [--kv-namespace ID] [--out DIR]
 * One folder per service under `--out` (default dist/deploy), each with a `wrangler.json` that `wrangler deploy -c` takes.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { counterBindings } from "#proxy/shared-counters.ts";
import { servicesOf } from "./services-of-files.ts";

export interface DeployOptions {
  readonly project: string;
  readonly kvNamespace: string;
  readonly out: string;
}

const root = join(import.meta.dirname, "..");

/** `*.shop.mesh` → `any-shop-mesh`: Worker names are lower-case letters, digits and dashes, 63 at most. */
export function workerName(service: string): string {
  const name = service
    .replaceAll("*", "any")
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  return `wayside-proxy-${name}`.slice(0, 63).replace(/-+$/, "");
}

function proxyConfig(service: string, folder: string, options: DeployOptions): object {
  return {
    $schema: relative(folder, join(root, "node_modules/wrangler/config-schema.json")),
    name: workerName(service),
    main: relative(folder, join(root, "src/proxy/worker.ts")),
    compatibility_date: "2026-10-01",
    compatibility_flags: ["enable_request_signal"],
    vars: { PROJECT: options.project, SERVICE: service, CONFIG_REFRESH_MS: "10000" },
    kv_namespaces: [{ binding: "BUS", id: options.kvNamespace }],
    ratelimits: counterBindings.map(({ name, namespace, requests, periodSec }) => ({
      name,
      namespace_id: namespace,
      simple: { limit: requests, period: periodSec },
    })),
    services: [{ binding: "CONTROL", service: "wayside-control", entrypoint: "Bus" }],
    durable_objects: { bindings: [{ name: "TUNNEL", class_name: "TunnelObject", script_name: "wayside-control" }] },
    vpc_networks: [{ binding: "NET", network_id: "cf1:network" }],
    secrets: { required: ["MASTER_KEY"] },
    // Looks for configuration and reports each minute, so that a proxy without requests is neither stale nor silent.
    triggers: { crons: ["* * * * *"] },
    observability: { enabled: true },
  };
}

/** Writes the configurations; gives the folder of each service. */
export async function writeConfigs(files: readonly string[], options: DeployOptions): Promise<Map<string, string>> {
  const folders = new Map<string, string>();
  for (const service of await servicesOf(files, options.project)) {
    const folder = resolve(options.out, workerName(service));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "wrangler.json"), `${JSON.stringify(proxyConfig(service, folder, options), null, 2)}\n`);
    folders.set(service, folder);
  }
  return folders;
}

if (process.argv[1] === import.meta.filename) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      project: { type: "string", default: "demo" },
      "kv-namespace": { type: "string", default: "00000000000000000000000000000000" },
      out: { type: "string", default: join(root, "dist/deploy") },
    },
  });
  if (positionals.length === 0) {
    process.stderr.write("usage: npm run deploy:configs -- FILE|DIR… [--project P] [--kv-namespace ID] [--out DIR]\n");
    process.exit(2);
  }
  const folders = await writeConfigs(positionals, { project: values.project, kvNamespace: values["kv-namespace"], out: values.out });
  for (const [service, folder] of folders) process.stdout.write(`${service}\t${relative(process.cwd(), folder)}/wrangler.json\n`);
}
