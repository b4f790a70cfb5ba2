/** Fields of answers, read without trust in their types. */
import { isJsonObject, type Json, type JsonObject } from "#base/json.ts";

/** Text of a text or number; undefined for anything else. */
export function textOf(value: Json | undefined): string | undefined {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : undefined;
}

/** The last part of a URL or path. */
export function shortName(value: Json | undefined): string | undefined {
  return textOf(value)?.split("/").at(-1);
}

/** The objects of a list. */
export function objectsOf(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

/** The texts of a list. */
export function textsOf(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** An object, empty where there is none. */
export function objectOf(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}
