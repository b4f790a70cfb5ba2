/** What can be said of files without a mesh: what no proxy could take, and what is stored and not obeyed. */
import { inertWarnings } from "#control/compiler/inert.ts";
import { compileService } from "#control/compiler/service.ts";
import { serviceTable } from "#control/compiler/services.ts";
import { testFailureFaults } from "#control/validate/url-map-faults.ts";
import { runUrlMapTests } from "#control/validate/url-map-tests.ts";
import { compileSnapshot } from "#proxy/match/compile.ts";
import type { FileFault } from "../files/document.ts";
import type { Manifest } from "../files/manifest.ts";
import { resourceView } from "../files/resource-view.ts";
import { placed } from "./warnings.ts";

export interface Analysis {
  /** What the API or a proxy would refuse. */
  readonly faults: readonly FileFault[];
  /** In the order of the files' lines. */
  readonly warnings: readonly FileFault[];
}

/** Compiles the files as if they were all there is. */
export function analyze(manifests: readonly Manifest[], project: string): Analysis {
  const view = resourceView(manifests, project);
  const { entries, conflicts } = serviceTable(view);
  const texts = new Set<string>(inertWarnings(view));
  const faults = urlMapFaults(manifests);
  for (const entry of entries) {
    const { snapshot, warnings } = compileService(view, entry);
    for (const text of warnings) texts.add(text);
    const compiled = compileSnapshot(snapshot);
    const owner = manifests.find(({ key }) => key === entry.owner);
    if ("error" in compiled && owner)
      faults.push({ where: owner.document.positionOf(), message: `no proxy could take service ${entry.service}: ${compiled.error}` });
  }
  return { faults, warnings: placed(manifests, { warnings: [...texts], conflicts }) };
}

/** What the tests of URL maps say, which the API would refuse them for. */
function urlMapFaults(manifests: readonly Manifest[]): FileFault[] {
  return manifests
    .filter(({ kind }) => kind.collection === "urlMaps")
    .flatMap(({ kind, name, body, document }) =>
      testFailureFaults(runUrlMapTests(kind.defaults({ name, ...body }))).map(({ field, message }) => ({
        where: document.positionOf(field),
        message,
      })),
    );
}
