/** To be imported before a program: its wall clock is wrong by CLOCK_SKEW_MS. Timers and `performance` go on as they are, as with a wrong clock. */
const skewMs = Number(process.env["CLOCK_SKEW_MS"] ?? 0);
const Right = Date;

class Skewed extends Right {
  constructor(...given: [] | [value: number | string | Date]) {
    if (given.length === 0) super(Right.now() + skewMs);
    else super(...given);
  }

  static override now(): number {
    return Right.now() + skewMs;
  }
}

globalThis.Date = Skewed as DateConstructor;
