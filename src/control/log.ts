/** One line for the operators of the control Worker. Never of a request's body or of a secret. */
export function logLine(line: string): void {
  // oxlint-disable-next-line no-console -- the log of a Worker is its console
  console.error(line);
}
