import type { Role } from "./authorize.ts";
import { wrongMethod, type Route, type Target } from "./paths.ts";

interface Row {
  readonly method: string;
  readonly verb: string;
  readonly role: Role;
}

/** Paths below `/v1/projects/p/secrets`, as Secret Manager spells them: `S` a secret, `V` a version. */
const table: ReadonlyMap<string, readonly Row[]> = new Map(
  Object.entries({
    "": [
      { method: "GET", verb: "list", role: "viewer" },
      { method: "POST", verb: "insert", role: "editor" },
    ],
    S: [
      { method: "GET", verb: "get", role: "viewer" },
      { method: "PATCH", verb: "patch", role: "editor" },
      { method: "DELETE", verb: "delete", role: "editor" },
    ],
    "S:addVersion": [{ method: "POST", verb: "addVersion", role: "editor" }],
    "S/versions": [{ method: "GET", verb: "listVersions", role: "viewer" }],
    "S/versions/V": [{ method: "GET", verb: "getVersion", role: "viewer" }],
    "S/versions/V:access": [{ method: "GET", verb: "accessVersion", role: "secretAccessor" }],
    "S/versions/V:enable": [{ method: "POST", verb: "enableVersion", role: "editor" }],
    "S/versions/V:disable": [{ method: "POST", verb: "disableVersion", role: "editor" }],
    "S/versions/V:destroy": [{ method: "POST", verb: "destroyVersion", role: "editor" }],
  } satisfies Record<string, Row[]>),
);

/** The route of a path below `secrets`; undefined when there is none. `query.version` carries the version of verbs on one. */
export function secretRoute({ project, method, segments }: Target): Route | undefined {
  const [secret, versions, version, ...more] = segments;
  if (more.length > 0 || (versions !== undefined && versions !== "versions")) return undefined;
  const [name, secretVerb] = splitVerb(secret);
  const [number, versionVerb] = splitVerb(version);
  const shape = [
    name === undefined ? "" : `S${secretVerb}`,
    ...(versions === undefined ? [] : ["versions"]),
    ...(number === undefined ? [] : [`V${versionVerb}`]),
  ].join("/");
  const rows = table.get(shape);
  if (!rows) return undefined;
  const row = rows.find((candidate) => candidate.method === method);
  if (!row)
    throw wrongMethod(
      method,
      rows.map((candidate) => candidate.method),
    );
  return {
    project,
    scope: "",
    collection: "secrets",
    verb: row.verb,
    role: row.role,
    ...(name === undefined ? {} : { name }),
    ...(number === undefined ? {} : { parameters: { version: number } }),
  };
}

/** `db:addVersion` → `db` and `:addVersion` */
function splitVerb(segment: string | undefined): readonly [name: string | undefined, verb: string] {
  const colon = segment?.indexOf(":") ?? -1;
  return segment !== undefined && colon >= 0 ? [segment.slice(0, colon), segment.slice(colon)] : [segment, ""];
}
