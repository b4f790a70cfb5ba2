/** Versions of a secret, without their values. */
import { Buffer } from "node:buffer";
import type { JsonObject } from "#base/json.ts";
import { secrets } from "#model/secretmanager/secrets.ts";
import { shortName, textOf } from "../output/fields.ts";
import { state, table } from "../output/table.ts";
import type { Search } from "./find.ts";
import { resourcePath } from "./paths.ts";

/** Newest first. */
export async function versionsOf({ client, project }: Pick<Search, "client" | "project">, name: string): Promise<JsonObject[]> {
  return client.list(`${resourcePath(secrets, project, `secrets/${name}`)}/versions`, "versions");
}

export function versionTable(versions: readonly JsonObject[]): string {
  const rows = versions.map((one) => [shortName(one["name"]), state(textOf(one["state"])), textOf(one["createTime"])]);
  return table(["VERSION", "STATE", "CREATED"], rows);
}

/** Adds a version with these bytes as its value; gives the version as the API answers it. */
export async function addVersion(
  { client, project }: Pick<Search, "client" | "project">,
  name: string,
  value: Uint8Array,
): Promise<JsonObject> {
  const data = Buffer.from(value).toString("base64");
  return client.call("POST", `${resourcePath(secrets, project, `secrets/${name}`)}:addVersion`, { payload: { data } });
}
