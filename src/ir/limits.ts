/** How large configuration may get. The publisher refuses what a reader would refuse, before anyone reads it. */
export const limits = {
  /** Size of a Workers KV value. */
  snapshotBytes: 25 * 1024 * 1024,
  rules: 100_000,
  endpoints: 200_000,
  services: 100_000,
} as const;
