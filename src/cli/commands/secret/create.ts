/** `wayside secret create`: a secret, and its first version where a value is given. */
import { secrets } from "#model/secretmanager/secrets.ts";
import { type ApiOptions, clientOf } from "../../options.ts";
import { print } from "../../output/print.ts";
import { insertPath } from "../../resources/paths.ts";
import { addVersion } from "../../resources/secret-versions.ts";
import { readValue } from "./value.ts";

export interface CreateOptions extends ApiOptions {
  readonly fromFile?: string;
}

export async function run(name: string, { fromFile, ...options }: CreateOptions): Promise<void> {
  const target = { client: clientOf(options), project: options.project };
  const value = fromFile === undefined ? undefined : await readValue(fromFile);
  const secret = await target.client.call("POST", insertPath(secrets, options.project, `secrets/${name}`), {
    replication: { automatic: {} },
  });
  if (value !== undefined) await addVersion(target, name, value);
  print(options.output, secret, () => `created secret ${name}${value === undefined ? ", without a version" : " with version 1"}\n`);
}
