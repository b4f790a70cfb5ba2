import { describe, it } from "vitest";
import { nodeDatabase } from "../project/node-database.ts";
import { storeCases } from "./contract.ts";

describe("SqlStore on node:sqlite", () => {
  for (const storeCase of storeCases) it(storeCase.name, () => storeCase.run(nodeDatabase()));
});
