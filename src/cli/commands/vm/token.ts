/** `wayside vm token`: a join token for one VM. Prints the token alone, so that it can stand in another command. */
import { type ApiOptions, clientOf } from "../../options.ts";
import { textOf } from "../../output/fields.ts";
import { print } from "../../output/print.ts";
import { projectPath } from "../../resources/paths.ts";

export interface TokenOptions extends ApiOptions {
  readonly group: string;
  readonly zone?: string;
  readonly ttl?: number;
  readonly uses?: number;
  readonly leaseTtl?: number;
  readonly collectAfter?: number;
}

export async function run({ group, zone, ttl, uses, leaseTtl, collectAfter, ...options }: TokenOptions): Promise<void> {
  const made = await clientOf(options).call("POST", `${projectPath("wayside", options.project)}/joinTokens`, {
    group,
    ...(zone === undefined ? {} : { zone }),
    ...(ttl === undefined ? {} : { ttlSec: ttl }),
    ...(uses === undefined ? {} : { uses }),
    ...(leaseTtl === undefined ? {} : { leaseTtlSec: leaseTtl }),
    ...(collectAfter === undefined ? {} : { collectAfterSec: collectAfter }),
  });
  print(options.output, made, () => `${textOf(made["token"])}\n`);
}
