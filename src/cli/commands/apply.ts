/** `wayside apply`: files to resources. */
import { applyFiles, type Outcome } from "../apply/apply.ts";
import { CommandError, exitCodes } from "../exit.ts";
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
  const outcomes = await applyFiles({
    client: clientOf(options),
    project: options.project,
    files: options.file,
    dryRun,
    ...(kind === undefined ? {} : { defaultKind: oneKindOfWord(kind) }),
    // What was done stays told when something later is refused.
    onOutcome: (outcome) => {
      if (options.output === "table") process.stdout.write(lineOf(outcome, dryRun));
    },
  });
  if (options.output !== "table")
    print(
      options.output,
      outcomes.map((outcome) => ({ ...outcome })),
      () => "",
    );
  else if (outcomes.length === 0) process.stdout.write("nothing to apply: the files have no documents\n");
}

const intentions = { created: "would be created", updated: "would be updated", unchanged: "unchanged" } as const;

/** `created    urlMap cart` */
function lineOf({ action, kind, name }: Outcome, dryRun: boolean): string {
  const done = dryRun ? intentions[action].padEnd(17) : action.padEnd(10);
  return `${done} ${kind.split("#").at(-1)} ${name}\n`;
}
