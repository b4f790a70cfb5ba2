import { DatabaseSync } from "node:sqlite";
import type { SqlDatabase, SqlValue } from "#control/store/sql.ts";

/** A project's database over `node:sqlite`, with the transactions of Durable Object storage. */
export function nodeDatabase(): SqlDatabase {
  const database = new DatabaseSync(":memory:");
  let depth = 0;
  return {
    sql: {
      exec(query, ...bindings) {
        const values = bindings.map((value) => (value instanceof ArrayBuffer ? new Uint8Array(value) : value));
        return database.prepare(query).all(...values) as Record<string, SqlValue>[];
      },
    },
    transactionSync(work) {
      const savepoint = `level_${depth}`;
      depth += 1;
      database.exec(`SAVEPOINT ${savepoint}`);
      try {
        const result = work();
        database.exec(`RELEASE ${savepoint}`);
        return result;
      } catch (thrown) {
        database.exec(`ROLLBACK TO ${savepoint}`);
        database.exec(`RELEASE ${savepoint}`);
        throw thrown;
      } finally {
        depth -= 1;
      }
    },
  };
}
