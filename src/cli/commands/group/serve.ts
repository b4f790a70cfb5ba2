/** `wayside group keepalive|run`: keeps all instances of a group warm with a hundredth of their share, or puts them to work again. */
import { type ApiOptions, clientOf, type PlaceOptions } from "../../options.ts";
import { textOf } from "../../output/fields.ts";
import { print } from "../../output/print.ts";
import { projectPath } from "../../resources/paths.ts";

const done = { keepalive: "is kept alive: it gets 1 % of its share", run: "takes its whole share" } as const;

export async function run(verb: keyof typeof done, name: string, options: ApiOptions & PlaceOptions): Promise<void> {
  const { zone, region } = options;
  const query = new URLSearchParams({ ...(zone === undefined ? {} : { zone }), ...(region === undefined ? {} : { region }) });
  const path = `${projectPath("wayside", options.project)}/groups/${encodeURIComponent(name)}/${verb}?${query.toString()}`;
  const group = await clientOf(options).call("POST", path);
  print(options.output, group, () => `group ${textOf(group["name"])} ${done[verb]}\n`);
}
