/** OpenAPI 3.1 of Wayside's own API, made of the schemas: what `GET /wayside/v1/openapi.json` answers. The Worker has it as a file. */
import * as z from "zod/mini";
import type { JsonObject } from "#base/json.ts";
import { kinds } from "#model/kinds.ts";
import type { StandardVerb } from "#model/kind.ts";
import * as shapes from "./schemas.ts";

type Schema = z.core.$ZodType;

interface Operation {
  readonly method: "get" | "post" | "put" | "patch" | "delete";
  /** Below `/wayside/v1`. */
  readonly path: string;
  readonly summary: string;
  readonly request?: Schema;
  readonly response: Schema;
  /** Who may call: an API token, the session of the instance itself as well, or nothing but what the body holds. */
  readonly access?: "session" | "open";
}

const of = "/projects/{project}";

const operations: readonly Operation[] = [
  { method: "get", path: "/healthz", summary: "Whether the API serves", response: shapes.health200, access: "open" },
  { method: "get", path: "/openapi.json", summary: "This document", response: shapes.anyObject, access: "open" },
  {
    method: "post",
    path: `${of}/explain`,
    summary: "What the mesh does to a request, and why",
    request: shapes.anyObject,
    response: shapes.anyObject,
  },
  { method: "get", path: `${of}/status`, summary: "The configuration that every proxy has applied", response: shapes.anyObject },
  { method: "get", path: `${of}/services`, summary: "Host patterns of the services", response: shapes.services },
  { method: "get", path: `${of}/audit`, summary: "Who did what, newest first", response: shapes.anyObject },
  {
    method: "post",
    path: `${of}/joinTokens`,
    summary: "Make a join token; it is shown this once",
    request: shapes.newJoinToken,
    response: shapes.joinToken,
  },
  { method: "get", path: `${of}/joinTokens`, summary: "Join tokens that can be used, without their secrets", response: shapes.joinTokens },
  { method: "delete", path: `${of}/joinTokens/{name}`, summary: "Revoke a join token", response: shapes.empty },
  {
    method: "post",
    path: `${of}/join`,
    summary: "Exchange a join token for a registration",
    request: shapes.join,
    response: shapes.joined,
    access: "open",
  },
  {
    method: "post",
    path: `${of}/connect`,
    summary: "Open a session with the key of a registration",
    request: shapes.connect,
    response: shapes.connected,
    access: "open",
  },
  {
    method: "post",
    path: `${of}/heartbeat`,
    summary: "Keep the lease",
    request: shapes.heartbeat,
    response: shapes.heard,
    access: "session",
  },
  { method: "get", path: `${of}/instances`, summary: "Instances of all groups", response: shapes.instances },
  {
    method: "post",
    path: `${of}/instances`,
    summary: "Register a running VM, without an agent",
    request: shapes.registration,
    response: shapes.registered,
  },
  { method: "get", path: `${of}/instances/{name}`, summary: "One instance", response: shapes.instance, access: "session" },
  { method: "delete", path: `${of}/instances/{name}`, summary: "Deregister a VM", response: shapes.empty, access: "session" },
  {
    method: "post",
    path: `${of}/instances/{name}/drain`,
    summary: "Take an instance out of traffic",
    response: shapes.instance,
    access: "session",
  },
  {
    method: "post",
    path: `${of}/instances/{name}/undrain`,
    summary: "Let an instance take traffic again",
    response: shapes.instance,
    access: "session",
  },
  {
    method: "get",
    path: `${of}/instances/{name}/services`,
    summary: "Host patterns of the services, for the instance itself",
    response: shapes.services,
    access: "session",
  },
  {
    method: "post",
    path: `${of}/instances/{name}/keepalive`,
    summary: "Keep an instance warm, with 1 % of its share of the traffic",
    response: shapes.instance,
  },
  { method: "post", path: `${of}/instances/{name}/run`, summary: "Give an instance its whole share again", response: shapes.instance },
  { method: "get", path: `${of}/groups`, summary: "Serving states of all groups", response: shapes.groups },
  { method: "get", path: `${of}/groups/{name}`, summary: "Serving state of a group", response: shapes.group },
  {
    method: "post",
    path: `${of}/groups/{name}/keepalive`,
    summary: "Keep all instances of a group warm, those to come too",
    response: shapes.group,
  },
  {
    method: "post",
    path: `${of}/groups/{name}/run`,
    summary: "Give all instances of a group their whole share again",
    response: shapes.group,
  },
  {
    method: "post",
    path: `${of}/groupSwitches`,
    summary: "Let two groups take each other's place; the same again gives the switch that there is",
    request: shapes.newGroupSwitch,
    response: shapes.groupSwitch,
  },
  { method: "get", path: `${of}/groupSwitches`, summary: "Switches of groups, the oldest first", response: shapes.groupSwitches },
  { method: "get", path: `${of}/groupSwitches/{name}`, summary: "How far a switch is", response: shapes.groupSwitch },
  { method: "post", path: `${of}/groupSwitches/{name}/return`, summary: "Go back to what was before", response: shapes.groupSwitch },
];

const methods: Readonly<Record<StandardVerb, Operation["method"]>> = {
  insert: "post",
  get: "get",
  list: "get",
  patch: "patch",
  update: "put",
  delete: "delete",
};

/** The standard verbs of our own kinds of resources. */
function ofKinds(): Operation[] {
  return kinds
    .filter(({ api }) => api === "wayside")
    .flatMap(({ collection, singular, verbs, schema }) =>
      verbs.map((verb): Operation => {
        const onOne = verb !== "insert" && verb !== "list";
        return {
          method: methods[verb],
          path: `${of}/${collection}${onOne ? "/{name}" : ""}`,
          summary: `${verb} ${singular}`,
          response: verb === "list" || verb === "delete" ? shapes.anyObject : (schema ?? shapes.anyObject),
          ...(["insert", "patch", "update"].includes(verb) && { request: schema ?? shapes.anyObject }),
        };
      }),
    );
}

/** The whole document; the same at every call. */
export function openApiDocument(): JsonObject {
  const paths: { [path: string]: JsonObject } = {};
  for (const operation of [...operations, ...ofKinds()]) {
    const path = `/wayside/v1${operation.path}`;
    paths[path] = { ...paths[path], [operation.method]: described(operation) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "Wayside", version: "1", description: "Wayside's own API. Google's APIs beside it are as Google describes them." },
    paths,
    components: {
      securitySchemes: { token: bearer("An API token; `wayside dev` asks for none."), session: bearer("The session of an instance.") },
    },
  };
}

function bearer(description: string): JsonObject {
  return { type: "http", scheme: "bearer", description };
}

function described({ path, summary, request, response, access }: Operation): JsonObject {
  const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  return {
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(request && { requestBody: { required: true, content: json(request, "input") } }),
    responses: {
      "200": { description: "Done", content: json(response, "output") },
      default: { description: "What is wrong, and the mend", content: json(shapes.error, "output") },
    },
    security: access === "open" ? [] : [{ token: [] }, ...(access === "session" ? [{ session: [] }] : [])],
  };
}

function json(schema: Schema, io: "input" | "output"): JsonObject {
  // Fields that take several forms are read by transforms, of which JSON Schema can show the input alone.
  const { $schema: _dialect, ...shape } = z.toJSONSchema(schema, {
    io: io === "output" && isPlain(schema) ? "output" : "input",
    unrepresentable: "any",
  });
  return { "application/json": { schema: shape as JsonObject } };
}

const ofKind = new Set<Schema>(kinds.flatMap(({ schema }) => schema ?? []));

function isPlain(schema: Schema): boolean {
  return !ofKind.has(schema);
}
