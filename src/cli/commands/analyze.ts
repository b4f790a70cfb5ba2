/** `wayside analyze`: files held against the compiler, with no mesh running. */
import { analyze } from "../analyze/analyze.ts";
import { warningText } from "../analyze/warnings.ts";
import { CommandError, exitCodes } from "../exit.ts";
import { manifestsOf, textOf } from "../files/manifest.ts";
import type { OutputForm } from "../options.ts";
import { print } from "../output/print.ts";
import { oneKindOfWord } from "../resources/kind-words.ts";

export interface AnalyzeOptions {
  readonly project: string;
  readonly kind?: string;
  readonly output: OutputForm;
}

/** Warnings are its result; for faults it ends with status 1, and the warnings stay told. */
export async function run(files: readonly string[], { project, kind, output }: AnalyzeOptions): Promise<void> {
  if (files.length === 0) throw new CommandError("analyze needs files or folders", exitCodes.usage);
  const { faults, warnings } = analyze(await manifestsOf(files, kind === undefined ? undefined : oneKindOfWord(kind)), project);
  print(
    output,
    warnings.map((warning) => ({ ...warning })),
    () => (warnings.length > 0 ? warningText(warnings) : faults.length > 0 ? "" : "no warnings\n"),
  );
  if (faults.length > 0) throw new CommandError(textOf(faults));
}
