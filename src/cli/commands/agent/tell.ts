/** `wayside agent status|drain|undrain|leave`: what the agent of this machine is told. */
import { askAgent } from "#agent/control-socket.ts";
import { defaultStateFolder } from "#agent/identity.ts";
import type { JsonObject } from "#base/json.ts";
import { CommandError } from "../../exit.ts";
import type { OutputForm } from "../../options.ts";
import { print } from "../../output/print.ts";

export interface TellOptions {
  readonly state?: string;
  readonly output: OutputForm;
}

export type AgentCommand = "status" | "drain" | "undrain" | "leave";

export async function run(command: AgentCommand, options: TellOptions): Promise<void> {
  const status = await told(options.state ?? defaultStateFolder(), { command });
  print(options.output, status, () => statusText(status));
}

/** The agent's answer. Throws `CommandError` when none runs. */
export async function told(state: string, request: JsonObject): Promise<JsonObject> {
  const answer = await askAgent(state, request);
  if (answer) return answer;
  throw new CommandError(`no agent runs with ${state}: start one with \`wayside agent join\`, or name its folder with --state`);
}

function statusText(status: JsonObject): string {
  return Object.entries(status)
    .map(([field, value]) => `${field.padEnd(12)} ${typeof value === "string" ? value : JSON.stringify(value)}\n`)
    .join("");
}
