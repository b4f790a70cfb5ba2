/** `wayside secret list`: all secrets with their newest version, or the versions of one. Values are never shown. */
import { secrets } from "#model/secretmanager/secrets.ts";
import { type ApiOptions, clientOf } from "../../options.ts";
import { shortName, textOf } from "../../output/fields.ts";
import { print } from "../../output/print.ts";
import { state, table } from "../../output/table.ts";
import { findAll } from "../../resources/find.ts";
import { versionsOf, versionTable } from "../../resources/secret-versions.ts";

export async function run(name: string | undefined, options: ApiOptions): Promise<void> {
  const search = { client: clientOf(options), project: options.project };
  if (name !== undefined) {
    const versions = await versionsOf(search, name);
    return print(options.output, versions, () => versionTable(versions));
  }
  const all = await findAll(search, secrets);
  const listed = await Promise.all(all.map(async (one) => ({ ...one, versions: await versionsOf(search, one.name) })));
  const rows = listed.map(({ name: secret, resource, versions }) => [
    secret,
    shortName(versions[0]?.["name"]),
    state(textOf(versions[0]?.["state"])),
    textOf(resource["createTime"]),
  ]);
  print(
    options.output,
    listed.map(({ resource, versions }) => ({ ...resource, versions })),
    () => table(["NAME", "NEWEST VERSION", "STATE", "CREATED"], rows),
  );
}
