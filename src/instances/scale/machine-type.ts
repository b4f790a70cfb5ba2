/** CPUs of Google's machine types of the usual form (`n2-standard-4`, `e2-custom-8-16384`, also as a URL); 1 for all others, shared cores among them. */
export function cpusOf(machineType: string): number {
  const name = machineType.split("/").at(-1) ?? "";
  const custom = /(?:^|-)custom-(\d{1,4})-\d+/.exec(name);
  const standard = /^[a-z]\d[a-z]*-[a-z]+-(\d{1,4})(?:-|$)/.exec(name);
  return Math.max(1, Number(custom?.[1] ?? standard?.[1] ?? 1));
}
