/** `wayside vm register`: makes a running VM a member of an unmanaged group. */
import { type ApiOptions, clientOf } from "../../options.ts";
import { textOf } from "../../output/fields.ts";
import { print } from "../../output/print.ts";
import { projectPath } from "../../resources/paths.ts";

export interface RegisterOptions extends ApiOptions {
  readonly group: string;
  readonly address: string;
  readonly port: number;
  readonly name?: string;
  readonly zone?: string;
}

export async function run({ group, address, port, name, zone, ...options }: RegisterOptions): Promise<void> {
  const instance = await clientOf(options).call("POST", `${projectPath("wayside", options.project)}/instances`, {
    group,
    address,
    port,
    ...(name === undefined ? {} : { name }),
    ...(zone === undefined ? {} : { zone }),
  });
  print(
    options.output,
    instance,
    () => `registered ${textOf(instance["name"])} at ${address}:${port} in group ${textOf(instance["group"])}\n`,
  );
}
