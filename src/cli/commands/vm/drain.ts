/** `wayside vm drain|undrain`: takes any instance out of traffic, or lets it in again. It goes on running. */
import { type ApiOptions, clientOf } from "../../options.ts";
import { textOf } from "../../output/fields.ts";
import { print } from "../../output/print.ts";
import { projectPath } from "../../resources/paths.ts";

export interface DrainOptions extends ApiOptions {
  readonly group?: string;
}

export async function run(verb: "drain" | "undrain", name: string, { group, ...options }: DrainOptions): Promise<void> {
  const query = group === undefined ? "" : `?group=${encodeURIComponent(group)}`;
  const path = `${projectPath("wayside", options.project)}/instances/${encodeURIComponent(name)}/${verb}${query}`;
  const instance = await clientOf(options).call("POST", path);
  const done = verb === "drain" ? "is out of traffic; it goes on running" : "takes traffic again";
  print(options.output, instance, () => `${textOf(instance["name"])} in group ${textOf(instance["group"])} ${done}\n`);
}
