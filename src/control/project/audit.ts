import type { JsonObject } from "#base/json.ts";
import type { Command } from "../command.ts";
import { jsonOf, numberOf, textOf } from "../store/row.ts";
import type { Sql } from "../store/sql.ts";

/** Entries kept; the oldest go first. */
const keptEntries = 10_000;

/**
 * Who did what, when: one entry per command that changed something or read a secret's plaintext. Names of what was acted on only, never
 * what was sent or answered. Written within the transaction of the command.
 */
export class AuditLog {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** `changed` are the keys of what is different now. */
  record(command: Command, changed: readonly string[], now: number): void {
    const path = [command.scope, command.collection, command.name, command.query["version"]].filter(
      (part) => part !== undefined && part !== "",
    );
    this.#sql.exec(
      "INSERT INTO audit (at_ms, user, verb, key, changed) VALUES (?, ?, ?, ?, ?)",
      now,
      command.user,
      command.verb,
      path.join("/"),
      JSON.stringify(changed),
    );
    this.#sql.exec("DELETE FROM audit WHERE sequence <= (SELECT max(sequence) FROM audit) - ?", keptEntries);
  }

  /** Newest first. */
  list(limit: number): readonly JsonObject[] {
    const rows = this.#sql.exec("SELECT * FROM audit ORDER BY sequence DESC LIMIT ?", limit);
    return [...rows].map((row) => ({
      time: new Date(numberOf(row, "at_ms")).toISOString(),
      user: textOf(row, "user"),
      verb: textOf(row, "verb"),
      key: textOf(row, "key"),
      changed: jsonOf<string[]>(row, "changed"),
    }));
  }
}
