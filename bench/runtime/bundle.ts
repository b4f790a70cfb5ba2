/** Workers as the JavaScript that workerd runs, bundled as for a deployment: minified, with the Worker's own conditions. */
import path from "node:path";
import { build } from "esbuild";
import { workerBuild } from "#dev/runtime/bundle.ts";

const root = path.join(import.meta.dirname, "../..");

/** Bundles one entry, given from the root of the repository. Throws esbuild's error. */
export async function bundle(entry: string, options: { readonly minify?: boolean } = {}): Promise<string> {
  const result = await build({
    entryPoints: [path.join(root, entry)],
    absWorkingDir: root,
    ...workerBuild,
    minify: options.minify ?? true,
  });
  const [file] = result.outputFiles;
  if (!file) throw new Error(`esbuild made nothing of ${entry}`);
  return file.text;
}
