/** Makes an API token: the token on stderr, for its owner; on stdout the `API_TOKENS` entry, which holds only its hash. */
import { createHash, randomBytes } from "node:crypto";

const roles = ["viewer", "editor", "secretAccessor", "admin"];
const role = process.argv[2] ?? "";

if (!roles.includes(role)) {
  process.stderr.write(`usage: npm run token -- ROLE, one of ${roles.join(", ")}\n`);
  process.exit(2);
}
const token = `wayside_${randomBytes(32).toString("base64url")}`;
process.stderr.write(`token for ${role}: ${token}\n`);
process.stdout.write(`${JSON.stringify([{ role, sha256: createHash("sha256").update(token).digest("hex") }])}\n`);
