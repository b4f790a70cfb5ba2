/**
 * Whether a growing need has come to its end. Figures are averages over some seconds: while a new load works its way into them, each
 * reading is greater than the last, and a group that followed them would grow in many small steps. It waits until the need stays where it
 * is, and then grows in one.
 */
export interface Settling {
  /** The need at past moments, oldest first; without those that are older than `steadyMs`, but for the last of them. */
  readonly readings: readonly { readonly atMs: number; readonly need: number }[];
  /** The size that they were read at: figures from before a change of it are no measure of what comes after. */
  readonly size: number;
  /** Since when the need has been greater than the size. */
  readonly exceededAtMs?: number;
}

export const unsettled: Settling = { readings: [], size: 0 };

/** A need that grew by less than a tenth in this time has settled. Proxies report every ten seconds at the least. */
export const steadyMs = 15_000;
const steadyGrowth = 1.1;
/** A need that goes on growing is followed all the same after this time. */
const longestWaitMs = 60_000;

export function noteNeed(settling: Settling, { need, size }: { readonly need: number; readonly size: number }, now: number): Settling {
  const isSame = settling.size === size;
  const past = isSame ? settling.readings.filter(({ atMs }) => atMs < now) : [];
  const first = past.findLastIndex(({ atMs }) => atMs <= now - steadyMs);
  const kept = past.slice(Math.max(0, first));
  const last = kept.at(-1);
  // A group may look many times a second; one reading of each is enough.
  const readings =
    last && kept.length > 1 && now - last.atMs < 1_000 ? [...kept.slice(0, -1), { atMs: last.atMs, need }] : [...kept, { atMs: now, need }];
  if (need <= size) return { readings, size };
  return { readings, size, exceededAtMs: Math.min((isSame ? settling.exceededAtMs : undefined) ?? now, now) };
}

export function isSettled({ readings, exceededAtMs = Number.POSITIVE_INFINITY }: Settling, now: number): boolean {
  const [first] = readings;
  const last = readings.at(-1);
  if (!first || !last) return false;
  const steady = first.atMs <= now - steadyMs && last.need <= first.need * steadyGrowth;
  return steady || now - exceededAtMs >= longestWaitMs;
}
