import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, it } from "vitest";
import type { ProjectObject } from "#control/project/object.ts";
import { storeCases } from "./contract.ts";

/** The bindings of wrangler.toml that this file uses. */
const { PROJECT } = env as unknown as { PROJECT: DurableObjectNamespace<ProjectObject> };

describe("SqlStore on a Durable Object", () => {
  for (const [index, storeCase] of storeCases.entries()) {
    it(storeCase.name, async () => {
      const stub = PROJECT.getByName(`store-case-${index}`);
      await runInDurableObject(stub, (_instance, state) => storeCase.run(state.storage));
    });
  }
});
