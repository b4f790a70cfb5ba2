/** The greatest of what was, over any window up to `longestMs`, in a few entries: values fall from the first to the last. */
export type Peaks = readonly Peak[];

interface Peak {
  readonly value: number;
  /** When it last was so. */
  readonly untilMs: number;
}

/** Google's longest window. */
const longestMs = 3_600_000;

/** Notes that the value is so now. What a clock that was put back would keep for longer counts from now. */
export function notePeak(peaks: Peaks, value: number, now: number): Peaks {
  const greater = peaks
    .filter((peak) => peak.value > value && peak.untilMs > now - longestMs)
    .map((peak) => (peak.untilMs > now ? { ...peak, untilMs: now } : peak));
  return [...greater, { value, untilMs: now }];
}

/** The greatest value of the last `windowMs`, the present one among them; 0 when nothing was noted. */
export function peakWithin(peaks: Peaks, windowMs: number, now: number): number {
  return peaks.find(({ untilMs }) => untilMs > now - windowMs || untilMs === now)?.value ?? 0;
}

/** When the greatest value within the window will have left it. */
export function peakEndsMs(peaks: Peaks, windowMs: number, now: number): number {
  const peak = peaks.find(({ untilMs }) => untilMs > now - windowMs);
  return peak ? peak.untilMs + windowMs : Number.POSITIVE_INFINITY;
}
