/** `wayside group rollback`: a managed group back to the last version with which all its instances were healthy. */
import { instanceGroupManagers } from "#model/compute/instance-group-managers.ts";
import { type ApiOptions, clientOf, type PlaceOptions } from "../../options.ts";
import { shortName } from "../../output/fields.ts";
import { print } from "../../output/print.ts";
import { findOne } from "../../resources/find.ts";
import { resourcePath } from "../../resources/paths.ts";

export async function run(name: string, options: ApiOptions & PlaceOptions): Promise<void> {
  const client = clientOf(options);
  const search = { ...options, client };
  const { key } = await findOne(search, instanceGroupManagers, name);
  await client.call("POST", `${resourcePath(instanceGroupManagers, options.project, key)}/rollback`);
  const { resource } = await findOne(search, instanceGroupManagers, key);
  print(options.output, resource, () => `group ${name} goes back to ${shortName(resource["instanceTemplate"])}\n`);
}
