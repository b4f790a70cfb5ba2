/** The command line: names, options and help here; what a command does is loaded when it runs, which keeps `--help` quick. */
import { program } from "./program.ts";

// `wayside get … | head` is nobody's mistake.
process.stdout.on("error", (failure: NodeJS.ErrnoException) => {
  if (failure.code !== "EPIPE") throw failure;
  process.exit();
});

try {
  await program().parseAsync(process.argv);
} catch (failure) {
  const { endingOf } = await import("./ending.ts");
  const { text, code } = endingOf(failure);
  process.stderr.write(`${text}\n`);
  process.exitCode = code;
}
