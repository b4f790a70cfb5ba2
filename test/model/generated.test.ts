import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

it("the committed messages are what the generator makes of the installed package", () => {
  const script = fileURLToPath(new URL("../../scripts/generate-google-messages.ts", import.meta.url));
  const made = execFileSync(process.execPath, [script, "--print"], { encoding: "utf8" });
  const committed = readFileSync(new URL("../../src/model/generated/compute-messages.ts", import.meta.url), "utf8");
  expect(made === committed, "run `node scripts/generate-google-messages.ts`").toBe(true);
});
