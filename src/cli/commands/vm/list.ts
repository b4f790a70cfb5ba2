/** `wayside vm list`: instances of all groups. */
import { type ApiOptions, clientOf } from "../../options.ts";
import { print } from "../../output/print.ts";
import { allInstances, instanceTable } from "../../resources/instances.ts";

export async function run(options: ApiOptions): Promise<void> {
  const instances = await allInstances({ client: clientOf(options), project: options.project });
  print(options.output, instances, () => instanceTable(instances));
}
