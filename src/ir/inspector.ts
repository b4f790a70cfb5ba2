import { isJsonObject, type JsonObject } from "#base/json.ts";

/**
 * Walks a parsed document and throws at the first value that is not what it has to be. The error says where and why, and
 * never leaves `ir/`: the codec turns it into a result. The path of the container that is being looked at is kept, so that
 * checking hundreds of thousands of fields costs no text until one is wrong.
 */
export class Inspector {
  readonly #path: (string | number)[] = [];

  fail(key: string | number, problem: string): never {
    const path = [...this.#path, key].map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("");
    throw new Error(`${path.replace(/^\./, "")}: ${problem}`);
  }

  string(parent: JsonObject, key: string): string {
    const value = parent[key];
    return typeof value === "string" ? value : this.fail(key, "not a string");
  }

  /** A string that is not empty and of at most 1,024 UTF-16 code units. */
  name(parent: JsonObject, key: string): string {
    const value = this.string(parent, key);
    return value.length > 0 && value.length <= 1024 ? value : this.fail(key, "not a string of 1 to 1024 characters");
  }

  text(parent: JsonObject, key: string, pattern: RegExp): string {
    const value = this.string(parent, key);
    return pattern.test(value) ? value : this.fail(key, `${JSON.stringify(value.slice(0, 100))} does not fit ${pattern.source}`);
  }

  oneOf<T extends string>(parent: JsonObject, key: string, allowed: readonly T[]): T {
    const value = this.string(parent, key);
    return allowed.find((each) => each === value) ?? this.fail(key, `not one of ${allowed.join(", ")}`);
  }

  /** A finite number within the bounds, both included. */
  number(parent: JsonObject, key: string, bounds: readonly [least: number, most: number]): number {
    const value = parent[key];
    const [least, most] = bounds;
    if (typeof value === "number" && value >= least && value <= most) return value;
    return this.fail(key, `not a number from ${least} to ${most}`);
  }

  integer(parent: JsonObject, key: string, bounds: readonly [least: number, most: number]): number {
    const value = this.number(parent, key, bounds);
    return Number.isInteger(value) ? value : this.fail(key, "not an integer");
  }

  boolean(parent: JsonObject, key: string): void {
    if (typeof parent[key] !== "boolean") this.fail(key, "not a boolean");
  }

  optionalBoolean(parent: JsonObject, key: string): void {
    const value = parent[key];
    if (value !== undefined && typeof value !== "boolean") this.fail(key, "not a boolean");
  }

  /** Inspects the object under `key`. */
  object(parent: JsonObject, key: string, inspect: (value: JsonObject) => void): void {
    const value = parent[key];
    if (!isJsonObject(value)) return this.fail(key, "not an object");
    this.#path.push(key);
    inspect(value);
    this.#path.pop();
  }

  optionalObject(parent: JsonObject, key: string, inspect: (value: JsonObject) => void): void {
    if (parent[key] !== undefined) this.object(parent, key, inspect);
  }

  /** Inspects each object of the list under `key`. */
  objects(parent: JsonObject, key: string, inspect: (value: JsonObject) => void): void {
    const list = this.list(parent, key);
    this.#path.push(key);
    for (let index = 0; index < list.length; index++) {
      const value = list[index];
      if (!isJsonObject(value)) return this.fail(index, "not an object");
      this.#path.push(index);
      inspect(value);
      this.#path.pop();
    }
    this.#path.pop();
  }

  /** The list under `key`, its items unchecked. */
  list(parent: JsonObject, key: string): readonly unknown[] {
    const value = parent[key];
    return Array.isArray(value) ? value : this.fail(key, "not a list");
  }

  /** The list of strings under `key`, each of which `fits`. */
  strings(parent: JsonObject, key: string, fits: (item: string) => boolean): readonly string[] {
    const list = this.list(parent, key);
    this.#path.push(key);
    for (const [index, item] of list.entries()) {
      if (typeof item !== "string" || !fits(item)) this.fail(index, `${JSON.stringify(item)?.slice(0, 100)} is not allowed here`);
    }
    this.#path.pop();
    return list as readonly string[];
  }

  /** Inspects each value of the object under `key`, which is used as a map. */
  values(parent: JsonObject, key: string, inspect: (value: JsonObject) => void): void {
    this.object(parent, key, (map) => {
      for (const name of Object.keys(map)) this.object(map, name, inspect);
    });
  }
}
