/** `wayside group switch`: two groups take each other's place under load. Waits for the end; the mesh goes on with it when nobody waits. */
import { setTimeout as sleep } from "node:timers/promises";
import type { JsonObject } from "#base/json.ts";
import { CommandError } from "../../exit.ts";
import { type ApiOptions, clientOf } from "../../options.ts";
import { objectOf, shortName, textOf } from "../../output/fields.ts";
import { print } from "../../output/print.ts";
import { projectPath } from "../../resources/paths.ts";

export interface SwitchOptions extends ApiOptions {
  readonly capacity?: number;
  readonly step?: number;
  readonly maxErrors?: number;
  readonly timeout?: number;
  readonly detach: boolean;
}

const lookEveryMs = 500;

export async function run(from: string, to: string, options: SwitchOptions): Promise<void> {
  const { capacity, step, maxErrors, timeout, detach, project, output } = options;
  const client = clientOf(options);
  const path = `${projectPath("wayside", project)}/groupSwitches`;
  let found = await client.call("POST", path, {
    from,
    to,
    ...(capacity === undefined ? {} : { capacity }),
    ...(step === undefined ? {} : { stepPercent: step }),
    ...(maxErrors === undefined ? {} : { maxErrorPercent: maxErrors }),
    ...(timeout === undefined ? {} : { timeoutSec: timeout }),
  });
  let shown = "";
  while (!detach && isActive(found)) {
    const line = progressOf(found);
    // Progress is for people who look on; what a program reads is the end alone.
    if (line !== shown && output === "table") process.stderr.write(`${line}\n`);
    shown = line;
    await sleep(lookEveryMs);
    found = await client.call("GET", `${path}/${textOf(found["name"])}`);
  }
  if (found["state"] === "RETURNED") {
    throw new CommandError(`${shortName(from)} serves as before; the switch returned: ${textOf(found["reason"]) ?? "no reason is known"}`);
  }
  print(output, found, () => (isActive(found) ? `${progressOf(found)}\n` : `${shortName(to)} serves, ${shortName(from)} is kept alive\n`));
}

function isActive({ state }: JsonObject): boolean {
  return state === "SWITCHING" || state === "RETURNING";
}

/** `SWITCHING: blue 3 of 4 running, green 1 of 4; waits for …` */
function progressOf(found: JsonObject): string {
  const instances = objectOf(found["instances"]);
  const of = (side: "from" | "to"): string => {
    const { running, keptAlive } = objectOf(instances[side]);
    return `${shortName(found[side])} ${Number(running)} of ${Number(running) + Number(keptAlive)} running`;
  };
  const waits = textOf(found["waits"]);
  return `${textOf(found["state"])}: ${of("from")}, ${of("to")}${waits === undefined ? "" : `; waits for ${waits}`}`;
}
