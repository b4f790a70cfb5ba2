/** `wayside delete`: one resource by name, or everything that files name, users of a thing before the thing. */
import { ApiError } from "#client/client.ts";
import { CommandError, exitCodes } from "../exit.ts";
import { manifestsOf } from "../files/manifest.ts";
import { type ApiOptions, clientOf, type PlaceOptions } from "../options.ts";
import { print } from "../output/print.ts";
import { findOne } from "../resources/find.ts";
import { allGroups } from "../resources/groups.ts";
import { only } from "../resources/find.ts";
import { groups, kindOfWord } from "../resources/kind-words.ts";
import { resourcePath } from "../resources/paths.ts";
import { instanceGroupManagers } from "#model/compute/instance-group-managers.ts";
import { instanceGroups } from "#model/compute/instance-groups.ts";
import type { Kind } from "#model/kind.ts";

export interface DeleteOptions extends ApiOptions, PlaceOptions {
  readonly file: readonly string[];
}

interface Doomed {
  readonly kind: Kind;
  readonly key: string;
  readonly name: string;
  /** `file:line:col` */
  readonly where?: string;
}

interface Deleted {
  readonly action: "deleted" | "absent";
  readonly kind: string;
  readonly name: string;
  readonly key: string;
}

export async function run({ kind, name }: { kind: string | undefined; name: string | undefined }, options: DeleteOptions): Promise<void> {
  const doomed = options.file.length > 0 ? await fromFiles(kind, options) : [await byName({ kind, name }, options)];
  const deleted: Deleted[] = [];
  for (const one of doomed) {
    const outcome = await remove(one, options);
    deleted.push(outcome);
    if (options.output === "table") process.stdout.write(`${outcome.action.padEnd(10)} ${one.kind.singular} ${one.name}\n`);
  }
  if (options.output !== "table")
    print(
      options.output,
      deleted.map((one) => ({ ...one })),
      () => "",
    );
}

async function fromFiles(kind: string | undefined, { file }: DeleteOptions): Promise<Doomed[]> {
  if (kind !== undefined) throw new CommandError("delete takes either KIND NAME or -f FILE", exitCodes.usage);
  const manifests = await manifestsOf(file);
  return manifests.map(({ document, ...manifest }) => ({ ...manifest, where: document.positionOf() })).toReversed();
}

async function byName({ kind, name }: { kind: string | undefined; name: string | undefined }, options: DeleteOptions): Promise<Doomed> {
  if (kind === undefined || name === undefined) throw new CommandError("delete needs KIND NAME, or -f FILE", exitCodes.usage);
  const search = { ...options, client: clientOf(options) };
  const meant = kindOfWord(kind);
  if (meant !== groups) return { kind: meant, ...(await findOne(search, meant, name)) };
  const group = only(await allGroups(search), name, "group");
  return { kind: group.isManaged ? instanceGroupManagers : instanceGroups, key: group.key, name: group.name };
}

/** What is not there is as good as deleted: deleting the same files twice is no mistake. */
async function remove({ kind, key, name, where }: Doomed, options: DeleteOptions): Promise<Deleted> {
  const about = { kind: kind.kind, name, key };
  try {
    await clientOf(options).call("DELETE", resourcePath(kind, options.project, key));
    return { action: "deleted", ...about };
  } catch (failure) {
    if (!(failure instanceof ApiError) || where === undefined || failure.status === 0) throw failure;
    if (failure.status === 404) return { action: "absent", ...about };
    throw new CommandError(failure.faults.map(({ message }) => `${where}: ${message}`).join("\n"));
  }
}
