/** Warnings of the compiler, by the places in files that they are about. */
import { messageOf } from "#base/errors.ts";
import type { Client } from "#client/client.ts";
import type { FileFault } from "../files/document.ts";
import type { Manifest } from "../files/manifest.ts";
import { objectsOf, textOf } from "../output/fields.ts";
import { projectPath } from "../resources/paths.ts";
import { placeOf } from "./place.ts";

/** A host that two resources claim. */
interface Conflict {
  readonly service: string;
  /** Keys. */
  readonly owner: string;
  readonly ignored: string;
}

/** Those of the warnings and conflicts that are about resources of these files, by their places. */
export function placed(
  manifests: readonly Manifest[],
  { warnings, conflicts }: { readonly warnings: readonly string[]; readonly conflicts: readonly Conflict[] },
): FileFault[] {
  const ofWarnings = warnings.flatMap((message) => at(placeOf(manifests, message), message));
  const ofConflicts = conflicts.flatMap(({ service, owner, ignored }) => {
    const message = `${service} is served by ${owner}, which is older; that ${ignored} claims it, too, has no effect`;
    const manifest = manifests.find(({ key }) => key === ignored) ?? manifests.find(({ key }) => key === owner);
    return at(manifest?.document.positionOf(), message);
  });
  return [...ofWarnings, ...ofConflicts].toSorted((a, b) => a.where.localeCompare(b.where, "en", { numeric: true }));
}

function at(where: string | undefined, message: string): FileFault[] {
  return where === undefined ? [] : [{ where, message }];
}

/** One line a warning: `file:line:col: warning: message`. */
export function warningText(warnings: readonly FileFault[]): string {
  return warnings.map(({ where, message }) => `${where}: warning: ${message}\n`).join("");
}

/**
 * Says on stderr what the project stores of these files and does not do. The files are applied by then: that the API could not be asked is
 * said, too, and is no failure.
 */
export async function warnOf(client: Client, project: string, manifests: readonly Manifest[]): Promise<void> {
  try {
    const status = await client.call("GET", `${projectPath("wayside", project)}/status`);
    const warnings = objectsOf(status["warnings"]).map(({ text }) => textOf(text) ?? "");
    const conflicts = objectsOf(status["conflicts"]).map(({ service, owner, ignored }) => ({
      service: textOf(service) ?? "",
      owner: textOf(owner) ?? "",
      ignored: textOf(ignored) ?? "",
    }));
    process.stderr.write(warningText(placed(manifests, { warnings, conflicts })));
  } catch (failure) {
    process.stderr.write(`warnings could not be asked for: ${messageOf(failure)}\n`);
  }
}
