/** Values of secrets come from a file or standard input, never from the command line, which other users of the machine can see. */
import { readFileSync } from "node:fs";
import { buffer } from "node:stream/consumers";
import { messageOf } from "#base/errors.ts";
import { CommandError } from "../../exit.ts";

/** The bytes as they are. Throws `CommandError` when they cannot be read, or there are none. */
export async function readValue(file: string): Promise<Uint8Array> {
  if (file === "-" && process.stdin.isTTY) process.stderr.write("type the value; Ctrl-D ends it\n");
  const value = file === "-" ? await buffer(process.stdin) : readFile(file);
  if (value.length === 0) throw new CommandError(`${file === "-" ? "standard input" : file} is empty: a secret needs a value`);
  if (value.at(-1) === 0x0a)
    process.stderr.write("note: the value ends with a line break, which no header can hold; printf %s or echo -n leave it out\n");
  return value;
}

function readFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (failure) {
    throw new CommandError(`cannot read the value: ${messageOf(failure)}`);
  }
}
