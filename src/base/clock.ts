/** The only ambient clock. Planners and controllers take a `Clock`, so ten-minute windows are tested in milliseconds. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };
