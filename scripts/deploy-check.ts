/**
 * Builds, offline and with no account, what would be deployed: the control Worker and the proxy of every service of the example.
 * Prints sizes; exits 1 when one is over budget or a proxy holds zod.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { writeConfigs } from "./deploy-configs.ts";

const root = join(import.meta.dirname, "..");
const out = join(root, "dist/deploy-check");
const proxyBudgetKiB = 120;
const controlBudgetKiB = 240;

interface Built {
  readonly kib: number;
  readonly gzipKib: number;
  readonly code: string;
}

/** `wrangler deploy --dry-run`; throws with wrangler's words when it does not build. */
function build(config: string, outdir: string): Built {
  const run = spawnSync(
    join(root, "node_modules/.bin/wrangler"),
    ["deploy", "--dry-run", "--minify", "-c", config, "--env", "", "--outdir", outdir],
    {
      cwd: root,
      encoding: "utf8",
      env: { ...process.env, WRANGLER_SEND_METRICS: "false", CLOUDFLARE_CF_FETCH_ENABLED: "false", NO_COLOR: "1" },
    },
  );
  if (run.status !== 0) throw new Error(`${config} does not build:\n${run.stdout}${run.stderr}`);
  const script = readdirSync(outdir).find((name) => name.endsWith(".js"));
  if (script === undefined) throw new Error(`${config}: wrangler wrote no script into ${outdir}`);
  const code = readFileSync(join(outdir, script));
  return { kib: code.length / 1024, gzipKib: gzipSync(code).length / 1024, code: code.toString("utf8") };
}

function line(name: string, { kib, gzipKib }: Built): void {
  process.stdout.write(`${name.padEnd(32)} ${kib.toFixed(1).padStart(8)} KiB  ${gzipKib.toFixed(1).padStart(7)} KiB gzip\n`);
}

rmSync(out, { recursive: true, force: true });
const faults: string[] = [];
const control = build(join(root, "wrangler.toml"), join(out, "control"));
line("control", control);
if (control.gzipKib > controlBudgetKiB)
  faults.push(`control: ${control.gzipKib.toFixed(1)} KiB gzip is over the budget of ${controlBudgetKiB} KiB`);
const configs = await writeConfigs([join(root, "examples/shop")], {
  project: "demo",
  kvNamespace: "0".repeat(32),
  out: join(out, "proxies"),
});
if (configs.size < 4) faults.push(`the example has ${configs.size} services, at least 4 expected`);
for (const [service, folder] of configs) {
  const built = build(join(folder, "wrangler.json"), join(folder, "out"));
  line(service, built);
  if (built.gzipKib > proxyBudgetKiB)
    faults.push(`${service}: ${built.gzipKib.toFixed(1)} KiB gzip is over the budget of ${proxyBudgetKiB} KiB`);
  if (/ZodType|ZodError/.test(built.code)) faults.push(`${service}: the proxy's bundle holds zod`);
}
for (const fault of faults) process.stderr.write(`${fault}\n`);
process.exit(faults.length === 0 ? 0 : 1);
