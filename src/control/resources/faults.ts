import { UserError, type Fault } from "#base/errors.ts";
import type { ResourceKey } from "../store/store.ts";
import { pathOf } from "./names.ts";

/** Google's sentences for what goes wrong with resources, so that clients which read them find what they look for. */

export function notFound(project: string, key: ResourceKey): UserError {
  return new UserError(notFoundFault(project, key));
}

/** Compute and Network Services word it differently. */
export function notFoundFault(project: string, key: ResourceKey, field?: string): Fault {
  const path = pathOf(project, key);
  const message = isCompute(key) ? `The resource '${path}' was not found` : `Resource '${path}' was not found`;
  return { code: "notFound", message, ...(field === undefined ? {} : { field }) };
}

export function alreadyExists(project: string, key: ResourceKey): UserError {
  const path = pathOf(project, key);
  return new UserError({
    code: "alreadyExists",
    message: isCompute(key) ? `The resource '${path}' already exists` : `Resource '${path}' already exists`,
  });
}

export function invalid(field: string, value: unknown, why: string): UserError {
  return new UserError(invalidFault(field, value, why));
}

export function invalidFault(field: string, value: unknown, why: string): Fault {
  const shown = typeof value === "string" ? value : JSON.stringify(value ?? "");
  return { code: "invalid", field, message: `Invalid value for field '${field}': '${shown}'. ${why}` };
}

export function required(field: string): UserError {
  return new UserError({ code: "required", field, message: `Required field '${field}' not specified` });
}

function isCompute(key: ResourceKey): boolean {
  return /^(global|zones|regions)\//.test(key);
}
