/** From whatever stopped a command to what is said about it; loaded only then. */
import { UserError } from "#base/errors.ts";
import { randomHex, systemRandom } from "#base/random.ts";
import { ApiError } from "#client/client.ts";
import { CommandError, type ExitCode, exitCodes } from "./exit.ts";

/** What to print on stderr and which status to end with. */
export function endingOf(failure: unknown): { readonly text: string; readonly code: ExitCode } {
  if (failure instanceof CommandError) return { text: failure.message, code: failure.code };
  if (failure instanceof ApiError)
    return {
      text: failure.faults.map((fault) => fault.message).join("\n"),
      code: failure.status >= 500 ? exitCodes.fault : exitCodes.failed,
    };
  if (failure instanceof UserError) return { text: failure.faults.map((fault) => fault.message).join("\n"), code: exitCodes.failed };
  const text = failure instanceof Error ? (failure.stack ?? failure.message) : String(failure);
  return { text: `internal error ${randomHex(systemRandom, 8)}, please report it with these lines:\n${text}`, code: exitCodes.fault };
}
