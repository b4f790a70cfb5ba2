/** Files to resources: everything is looked at first, and nothing is changed while anything is wrong that can be seen beforehand. */
import { ApiError, type Client } from "#client/client.ts";
import { CommandError, exitCodes } from "../exit.ts";
import type { FileFault } from "../files/document.ts";
import { type Manifest, textOf } from "../files/manifest.ts";
import { type Action, isStep, planOne, type Step, type Target } from "./plan.ts";

export interface ApplyOptions {
  readonly client: Client;
  readonly project: string;
  /** Only tells what would be done. */
  readonly dryRun: boolean;
  /** Told of every resource as soon as it is applied; with `dryRun`, of what would be done to it. */
  readonly onOutcome?: (outcome: Outcome) => void;
}

/** What was done about one resource. */
export interface Outcome {
  readonly action: Action;
  /** `compute#urlMap` */
  readonly kind: string;
  readonly name: string;
  /** `global/urlMaps/x` */
  readonly key: string;
}

/**
 * Makes the project's resources what the files ask for, in the order of their dependencies; what is the same already is left alone.
 * Throws `CommandError` with one line a fault, `file:line:col: message`: for faults of the files, before anything is changed; for what
 * the API refuses, after the other resources of the same kind were tried.
 */
export async function applyManifests(options: ApplyOptions, manifests: readonly Manifest[]): Promise<Outcome[]> {
  const planned = await planAll(options, manifests);
  const faults = planned.flatMap((one) => (isStep(one) ? [] : [one]));
  if (faults.length > 0) throw new CommandError(textOf(faults));
  const outcomes: Outcome[] = [];
  for (const steps of byKind(planned.filter(isStep))) {
    const refused: Refusal[] = [];
    for (const step of steps) {
      const refusal = options.dryRun ? undefined : await attempt(step);
      if (refusal !== undefined) refused.push(refusal);
      else {
        outcomes.push(outcomeOf(step));
        options.onOutcome?.(outcomeOf(step));
      }
    }
    // Whatever comes later may refer to what was refused, and would only add noise.
    if (refused.length > 0) throw refusalError(refused);
  }
  return outcomes;
}

/** Questions under way at once: enough to hide the way to a deployed API, too few to burden it. */
const atOnce = 16;

async function planAll(target: Target, manifests: readonly Manifest[]): Promise<(Step | FileFault)[]> {
  const planned: (Step | FileFault)[] = [];
  for (let start = 0; start < manifests.length; start += atOnce) {
    const some = manifests.slice(start, start + atOnce);
    planned.push(...(await Promise.all(some.map((manifest) => planOne(target, manifest)))));
  }
  return planned;
}

function byKind(steps: readonly Step[]): Step[][] {
  return [...Map.groupBy(steps, ({ manifest }) => manifest.kind).values()];
}

function outcomeOf({ manifest: { kind, name, key }, action }: Step): Outcome {
  return { action, kind: kind.kind, name, key };
}

interface Refusal {
  readonly faults: FileFault[];
  readonly isOurs: boolean;
}

async function attempt(step: Step): Promise<Refusal | undefined> {
  try {
    await step.run();
    return undefined;
  } catch (failure) {
    if (!(failure instanceof ApiError) || failure.status === 0) throw failure;
    const { document } = step.manifest;
    const faults = failure.faults.map(({ message, field }) => ({
      where: document.positionOf(field ?? fieldIn(message)),
      message,
    }));
    return { faults, isOurs: failure.status >= 500 };
  }
}

/** Google names the field in the message, too. */
function fieldIn(message: string): string | undefined {
  return /'(resource[.[][^']+)'/.exec(message)?.[1];
}

function refusalError(refused: readonly Refusal[]): CommandError {
  const text = textOf(refused.flatMap(({ faults }) => faults));
  return new CommandError(text, refused.some(({ isOurs }) => isOurs) ? exitCodes.fault : exitCodes.failed);
}
