/** Results as text for people. */
import { type Figure, holds, type Result } from "./figure.ts";
import type { Added } from "./steady.ts";

export type Program = "wrk" | "nginx" | "h2load";

/** The figures, and the added latencies when there are any. */
export function table(results: readonly Result[], added: readonly Added[] | undefined): string {
  const rows = [["figure", "value", "must", "aim", "", "of"], ...results.map(rowOf)];
  const latencies =
    added === undefined ? [] : [["", ""], ["1,000 requests/s", "direct", "bare Worker", "proxy", "added"], ...added.map(latencyRow)];
  return `${aligned(rows)}${latencies.length === 0 ? "" : aligned(latencies)}`;
}

function rowOf(result: Result): string[] {
  const { figure } = result;
  const bounds = [bound(figure, "must"), bound(figure, "aim")];
  if ("skipped" in result) return [figure.name, "-", ...bounds, "skipped", result.skipped];
  const verdict = holds(result, "aim") ? "aim" : holds(result, "must") ? "ok" : "MISSED";
  return [figure.name, number(result.value, figure), ...bounds, verdict, result.detail];
}

function bound(figure: Figure, which: "must" | "aim"): string {
  return `${figure.bound === "at least" ? "≥" : "≤"} ${number(figure[which], figure)}`;
}

function number(value: number, { unit }: Figure): string {
  return unit === "×" ? `${value.toFixed(2)} ×` : `${value.toFixed(1)} ${unit}`;
}

function latencyRow({ share, direct, bare, proxy }: Added): string[] {
  const text = (value: number): string => `${value.toFixed(3)} ms`;
  return [share, text(direct), text(bare), text(proxy), text(proxy - bare)];
}

function aligned(rows: readonly (readonly string[])[]): string {
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, at) => cell.padEnd(widths[at] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
