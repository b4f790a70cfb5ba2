/** `wayside apply`: files to resources. */
import { warningText, warnOf } from "../analyze/warnings.ts";
import { applyManifests, type Outcome } from "../apply/apply.ts";
import { CommandError, exitCodes } from "../exit.ts";
import { type Manifest, manifestsOf, textOf } from "../files/manifest.ts";
import { type ApiOptions, clientOf } from "../options.ts";
import { print } from "../output/print.ts";
import { oneKindOfWord } from "../resources/kind-words.ts";

export interface ApplyCommandOptions extends ApiOptions {
  readonly file: readonly string[];
  readonly kind?: string;
  readonly dryRun: boolean;
}

export async function run({ kind, dryRun, ...options }: ApplyCommandOptions): Promise<void> {
  if (options.file.length === 0) throw new CommandError("apply needs -f FILE", exitCodes.usage);
  const { output, project } = options;
  const client = clientOf(options);
  const manifests = await manifestsOf(options.file, kind === undefined ? undefined : oneKindOfWord(kind));
  if (dryRun) await check(manifests, project);
  // What was done stays told when something later is refused.
  const onOutcome = (outcome: Outcome): void => void (output === "table" && process.stdout.write(lineOf(outcome, dryRun)));
  const outcomes = await applyManifests({ client, project, dryRun, onOutcome }, manifests);
  if (output !== "table")
    print(
      output,
      outcomes.map((outcome) => ({ ...outcome })),
      () => "",
    );
  else if (outcomes.length === 0) process.stdout.write("nothing to apply: the files have no documents\n");
  if (!dryRun) await warnOf(client, project, manifests);
}

/** What the API would refuse, or warn of, as far as the files alone tell. Compiler and proxy come with it, which nobody else here needs. */
async function check(manifests: readonly Manifest[], project: string): Promise<void> {
  const { analyze } = await import("../analyze/analyze.ts");
  const { faults, warnings } = analyze(manifests, project);
  if (faults.length > 0) throw new CommandError(textOf(faults));
  process.stderr.write(warningText(warnings));
}

const intentions = { created: "would be created", updated: "would be updated", unchanged: "unchanged" } as const;

/** `created    urlMap cart` */
function lineOf({ action, kind, name }: Outcome, dryRun: boolean): string {
  const done = dryRun ? intentions[action].padEnd(17) : action.padEnd(10);
  return `${done} ${kind.split("#").at(-1)} ${name}\n`;
}
