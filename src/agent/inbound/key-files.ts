import { readFileSync } from "node:fs";
import { messageOf, UserError } from "#base/errors.ts";

/** Keys of an inbound listener in files, which whoever changes a key writes anew; nothing has to be started again. */

const lookEveryMs = 2_000;

/** Texts of the files, in their order. Throws `UserError` for one that cannot be read. */
export function readKeyFiles(files: readonly string[]): readonly string[] {
  return files.map((file) => {
    try {
      return readFileSync(file, "utf8");
    } catch (failure) {
      throw new UserError({ code: "invalid", field: "--inbound-key-file", message: `${file} cannot be read: ${messageOf(failure)}` });
    }
  });
}

/** Calls `take` with the texts when they have become others; what it throws is logged, and what counted before goes on. Returns how to end that. */
export function watchKeyFiles(files: readonly string[], take: (keys: readonly string[]) => void, log: (line: string) => void): () => void {
  let known = readKeyFiles(files);
  let said = "";
  const look = (): void => {
    try {
      const now = readKeyFiles(files);
      if (now.join("\0") === known.join("\0")) return;
      known = now;
      take(now);
      said = "";
      log("the keys of the inbound listener have changed");
    } catch (failure) {
      const text = messageOf(failure);
      if (text !== said) log(`the inbound listener keeps its keys: ${text}`);
      said = text;
    }
  };
  const timer = setInterval(look, lookEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}
