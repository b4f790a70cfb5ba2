import type { ResourceView } from "#control/compiler/view.ts";
import type { Call } from "./context.ts";

/**
 * The project of a call as the compiler's functions see it, so that groups, probes and references are read in one way everywhere.
 * Secrets are no concern of resources here: every version reads as missing.
 */
export function viewOf({ command, context }: Call): ResourceView {
  const { store } = context;
  return {
    project: command.project,
    get: (key) => store.get(key)?.resource,
    list: (collection) => store.list(collection),
    groupReport: (key) => store.groupReport(key),
    secretVersion: () => null,
  };
}
