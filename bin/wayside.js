#!/usr/bin/env node
/**
 * The `wayside` command. Its sources are TypeScript and want a Node that strips types; where the running one is too old, the
 * newer Node that `npm ci` brought takes over, as if it had been started in the first place.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import module from "node:module";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const stripsTypes = major > 23 || (major === 23 && minor >= 6) || (major === 22 && minor >= 18);

if (stripsTypes) {
  if (process.env["WAYSIDE_SUCCESSOR"] === "1" && process.channel) {
    delete process.env["WAYSIDE_SUCCESSOR"];
    // Both processes are one to whoever started them: killed with -9, the predecessor takes this one along.
    process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
    process.channel.unref();
  }
  // The sources are stripped and compiled once, not at every command.
  module.enableCompileCache();
  await import("../src/cli/main.ts");
} else {
  succeed(fileURLToPath(new URL("../node_modules/node/bin/node", import.meta.url)));
}

/** Runs this file again with `node`, handing on streams, signals and the exit status. */
function succeed(node) {
  if (!existsSync(node)) {
    process.stderr.write(
      `wayside needs Node 22.18 or newer; this is ${process.version}. Run \`npm ci\`, which brings one, or install a newer Node.\n`,
    );
    process.exit(2);
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: { ...process.env, WAYSIDE_SUCCESSOR: "1" },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (failure) => {
    process.stderr.write(`cannot start ${node}: ${failure.message}\n`);
    process.exit(3);
  });
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}
