/** Google's two spellings of a duration: `{seconds: "1", nanos: 5}` (compute) and `"1.5s"` (network services). */
export interface SecondsNanos {
  readonly seconds?: string | number | undefined;
  readonly nanos?: string | number | undefined;
}

/** Milliseconds of a compute duration; absent parts are 0. Fractions of a millisecond are kept. */
export function secondsNanosToMs(duration: SecondsNanos): number {
  return Number(duration.seconds ?? 0) * 1000 + Number(duration.nanos ?? 0) / 1e6;
}

/** Milliseconds of `"1.5s"`; undefined when the text is no protobuf JSON duration. */
export function durationTextToMs(text: string): number | undefined {
  const match = /^(-?\d{1,12})(\.\d{1,9})?s$/.exec(text);
  return match ? Number(`${match[1]}${match[2] ?? ""}`) * 1000 : undefined;
}
