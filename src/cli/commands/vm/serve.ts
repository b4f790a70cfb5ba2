/** `wayside vm drain|undrain|keepalive|run`: how much traffic an instance of any group gets. It goes on running in any case. */
import { type ApiOptions, clientOf } from "../../options.ts";
import { textOf } from "../../output/fields.ts";
import { print } from "../../output/print.ts";
import { projectPath } from "../../resources/paths.ts";

export interface ServeOptions extends ApiOptions {
  readonly group?: string;
}

const done = {
  drain: "is out of traffic; it goes on running",
  undrain: "takes traffic again",
  keepalive: "is kept alive: it gets 1 % of its share",
  run: "takes its whole share",
} as const;

export async function run(verb: keyof typeof done, name: string, { group, ...options }: ServeOptions): Promise<void> {
  const query = group === undefined ? "" : `?group=${encodeURIComponent(group)}`;
  const path = `${projectPath("wayside", options.project)}/instances/${encodeURIComponent(name)}/${verb}${query}`;
  const instance = await clientOf(options).call("POST", path);
  print(options.output, instance, () => `${textOf(instance["name"])} in group ${textOf(instance["group"])} ${done[verb]}\n`);
}
