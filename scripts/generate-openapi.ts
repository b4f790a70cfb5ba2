/**
 * Writes the OpenAPI document of our own API, which the control Worker serves as it is: making it there would cost its bundle 7 KiB.
 *   node scripts/generate-openapi.ts && npx oxfmt src/control/api/generated
 * To be run after a change of `src/control/api/openapi/` or of our own kinds; a test holds the file against them.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openApiDocument } from "#control/api/openapi/document.ts";

writeFileSync(join(import.meta.dirname, "../src/control/api/generated/openapi.json"), `${JSON.stringify(openApiDocument(), null, 2)}\n`);
