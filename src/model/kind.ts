import type { Fault } from "#base/errors.ts";
import type { JsonObject } from "#base/json.ts";
import type { Message } from "./schema.ts";

export type Api = "compute" | "networkservices" | "networksecurity" | "secretmanager" | "wayside";

/** `location` is Network Services' `locations/global`; `project` has no scope in its path. */
export type ScopeKind = "global" | "region" | "zone" | "location" | "project";

export type StandardVerb = "insert" | "get" | "list" | "patch" | "update" | "delete";

/** A field of a resource that names another resource, as the user wrote it. */
export interface Reference {
  /** `resource.backends[0].group` */
  readonly field: string;
  readonly value: string;
  /** Collections it may name, most likely first: a bare name is looked up in them. */
  readonly collections: readonly string[];
}

/**
 * One collection of the API: all that is particular to it. Routes, storage, references, in-use protection, fingerprints, PATCH and
 * operations are made from a table of these; adding a resource is adding one file that exports one `Kind` and a row in `kinds.ts`.
 * `Resource` is what a stored resource reads as.
 */
export interface Kind<Resource = object> {
  readonly api: Api;
  /** `urlMaps` */
  readonly collection: string;
  /** `urlMap`: names the path parameter, and in-use messages say `url_map`. */
  readonly singular: string;
  /** `compute#urlMap`; files are recognised by it. */
  readonly kind: string;
  readonly scopes: readonly ScopeKind[];
  readonly verbs: readonly StandardVerb[];
  /** What `read` reads, for documents about it; passes fields through that it does not name. */
  readonly schema?: Message;
  /** Message in the catalogue of Google's field names and types (`UrlMap`). */
  readonly message: string;
  /** Whether Google computes and checks a `fingerprint`. */
  readonly fingerprint: boolean;
  /** Fields that the server owns: dropped from input, computed on output. */
  readonly outputOnly: readonly string[];
  /** Fills what Google fills on insert. Does not change what was given. */
  defaults(resource: JsonObject): JsonObject;
  /**
   * The fields that checks, references or the compiler look at, in one form: a stored port may be `"80"`, and is read as 80. Other fields are
   * there as they were given. For resources that went through `conform`; one that `conform` would refuse reads as `{}`. The same object is
   * read once: it must not be changed afterwards.
   */
  read(resource: JsonObject): Resource;
  /** Semantic checks beyond names and types, all faults at once, in Google's words, with paths from `resource`. */
  check(resource: JsonObject): Fault[];
  /** Every reference that is a field of the resource, for existence and in-use protection. */
  references(resource: JsonObject): Reference[];
}
