/** What a user can have done wrong, one word each. The API maps them to HTTP statuses, the CLI to exit code 1. */
export type FaultCode =
  | "invalid" // a value that the field does not allow
  | "required" // a field that must be there is not
  | "notFound"
  | "alreadyExists"
  | "resourceInUseByAnotherResource"
  | "resourceNotReady"
  | "conditionNotMet" // stale fingerprint
  | "failedPrecondition"
  | "forbidden"
  | "unauthorized"
  | "tooLarge"
  | "limitExceeded"
  | "methodNotAllowed"
  | "unsupported";

/**
 * One mistake of the user. `message` names the value, what is allowed and the mend, in Google's words where Google has words for it.
 * `field` is a path from the root of what was sent, such as `resource.backends[0].balancingMode`.
 */
export interface Fault {
  readonly code: FaultCode;
  readonly message: string;
  readonly field?: string;
}

/** The user's side of things going wrong: one or more faults, found all at once; nothing has been changed. */
export class UserError extends Error {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[] | Fault) {
    const list = Array.isArray(faults) ? (faults as readonly Fault[]) : [faults as Fault];
    super(list.map((fault) => fault.message).join("; "));
    this.name = "UserError";
    this.faults = list;
  }

  /** The code that decides the status: that of the first fault. */
  get code(): FaultCode {
    return this.faults[0]?.code ?? "invalid";
  }
}

/** Our side: the caller sees the id and nothing else; the log has the id, the text and the cause. */
export class InternalError extends Error {
  readonly id: string;

  constructor(id: string, cause: unknown) {
    super(`internal error ${id}`, { cause });
    this.name = "InternalError";
    this.id = id;
  }
}

/** The text of anything thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
