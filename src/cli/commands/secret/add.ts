/** `wayside secret add`: a new version of a secret. */
import { type ApiOptions, clientOf } from "../../options.ts";
import { shortName } from "../../output/fields.ts";
import { print } from "../../output/print.ts";
import { addVersion } from "../../resources/secret-versions.ts";
import { readValue } from "./value.ts";

export interface AddOptions extends ApiOptions {
  readonly fromFile: string;
}

export async function run(name: string, { fromFile, ...options }: AddOptions): Promise<void> {
  const version = await addVersion({ client: clientOf(options), project: options.project }, name, await readValue(fromFile));
  print(options.output, version, () => `added version ${shortName(version["name"])} of secret ${name}\n`);
}
