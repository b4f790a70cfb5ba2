/** The Workers of the emulator as JavaScript, bundled in memory from the sources of this package. */
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build, type BuildOptions } from "esbuild";
import { sha256Hex } from "#base/hash.ts";

const sources = fileURLToPath(new URL("../..", import.meta.url));

/** The Workers by name, and their entries below `src/`. */
const workerEntries = {
  control: "control/worker.ts",
  front: "dev/workers/front.ts",
  mesh: "dev/workers/mesh.ts",
  /** Not a Worker of its own: the mesh entry loads it once per service. */
  isolate: "proxy/isolate.ts",
} as const;

export type WorkerName = keyof typeof workerEntries;

export interface WorkerCode {
  readonly source: string;
  /** SHA-256 of the source, hexadecimal. */
  readonly hash: string;
}

/** How a Worker is bundled, wherever it is to run locally. */
export const workerBuild = {
  write: false,
  bundle: true,
  format: "esm",
  target: "es2024",
  platform: "neutral",
  mainFields: ["module", "main"],
  conditions: ["workerd", "worker", "browser"],
  // Provided by workerd.
  external: ["cloudflare:*", "node:*"],
  logLevel: "silent",
} satisfies BuildOptions;

/** Bundles all of them. Throws esbuild's error when one does not build. */
export async function bundleWorkers(): Promise<Record<WorkerName, WorkerCode>> {
  const names = Object.keys(workerEntries) as WorkerName[];
  const result = await build({
    entryPoints: names.map((name) => ({ in: path.join(sources, workerEntries[name]), out: name })),
    absWorkingDir: path.dirname(sources),
    outdir: "/",
    ...workerBuild,
    // Names stay readable in stack traces, and nothing outside of the source is needed to read them.
    keepNames: true,
  });
  const code = result.outputFiles.map(async ({ path: file, text }) => [
    path.basename(file, ".js"),
    { source: text, hash: await sha256Hex(text) },
  ]);
  return Object.fromEntries(await Promise.all(code)) as Record<WorkerName, WorkerCode>;
}
