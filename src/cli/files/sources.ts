/** From names on the command line to texts: files, folders, standard input. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { CommandError } from "../exit.ts";

export interface Source {
  /** As it is shown in messages; `-` is standard input. */
  readonly file: string;
  readonly text: string;
}

const extensions: ReadonlySet<string> = new Set([".yaml", ".yml", ".json"]);

/**
 * Reads files as they are, folders with everything in them that ends in .yaml, .yml or .json (in the order of names; hidden ones and
 * node_modules left out), and `-` as standard input. Throws `CommandError` that names every path that cannot be read.
 */
export async function readSources(paths: readonly string[]): Promise<Source[]> {
  const faults: string[] = [];
  const sources: Source[] = [];
  for (const path of new Set(paths)) {
    try {
      if (path === "-") sources.push({ file: path, text: await textOf(process.stdin) });
      else for (const file of filesOf(path)) sources.push({ file, text: readFileSync(file, "utf8") });
    } catch (failure) {
      faults.push(`cannot read ${path}: ${reasonOf(failure)}`);
    }
  }
  if (faults.length > 0) throw new CommandError(faults.join("\n"));
  return sources;
}

function filesOf(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  const entries = readdirSync(path, { withFileTypes: true }).filter(({ name }) => !name.startsWith(".") && name !== "node_modules");
  const sorted = entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return sorted.flatMap((entry) => {
    const inner = join(path, entry.name);
    if (entry.isDirectory()) return filesOf(inner);
    return extensions.has(extname(entry.name)) ? [inner] : [];
  });
}

function reasonOf(failure: unknown): string {
  const code = failure instanceof Error && "code" in failure ? failure.code : undefined;
  if (code === "ENOENT") return "there is no such file or folder";
  if (code === "EACCES") return "permission denied";
  return failure instanceof Error ? failure.message : String(failure);
}
