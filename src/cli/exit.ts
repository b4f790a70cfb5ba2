/** How commands end. The numbers are a fixed interface. */

export const exitCodes = {
  fine: 0,
  /** The user's input, or the check that was asked for, failed. */
  failed: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** Ours. */
  fault: 3,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Thrown by commands whose message is already complete, one line a fault. */
export class CommandError extends Error {
  readonly code: ExitCode;

  constructor(message: string, code: ExitCode = exitCodes.failed) {
    super(message);
    this.name = "CommandError";
    this.code = code;
  }
}
