/** Tables for people: columns and blanks, which also `awk` can read. */
import Table from "cli-table3";
import pc from "picocolors";

const edges = ["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left", "bottom-right"] as const;
const lines = ["left", "left-mid", "mid", "mid-mid", "right", "right-mid"] as const;
const noLines = Object.fromEntries([...edges, ...lines].map((name) => [name, ""]));

/** What a cell may hold; `undefined` is shown as `-`. */
export type Cell = string | number | undefined;

/** Rows under their heads, ending with a line break; only a sentence when there are none. Columns without a single value are left out. */
export function table(heads: readonly string[], rows: readonly (readonly Cell[])[]): string {
  if (rows.length === 0) return "none\n";
  const used = heads.map((_head, column) => rows.some((row) => isGiven(row[column])));
  const pick = <Item>(items: readonly Item[]): Item[] => items.filter((_item, column) => used[column]);
  const drawn = new Table({ chars: { ...noLines, middle: "  " }, style: { "padding-left": 0, "padding-right": 0, head: [], border: [] } });
  drawn.push(pick(heads).map((head) => pc.bold(head)));
  for (const row of rows) drawn.push(pick(heads.map((_head, column) => row[column])).map((cell) => (isGiven(cell) ? String(cell) : "-")));
  return `${drawn.toString().replaceAll(/[ \t]+$/gm, "")}\n`;
}

function isGiven(cell: Cell): boolean {
  return cell !== undefined && cell !== "";
}

const good: ReadonlySet<string> = new Set(["SYNCED", "RUNNING", "HEALTHY", "ENABLED", "stable"]);
const bad: ReadonlySet<string> = new Set(["REJECTED", "UNHEALTHY", "TIMEOUT", "TERMINATED", "DESTROYED"]);

/** A state in its colour: green where all is well, red where something is wrong, yellow between. NO_COLOR leaves it plain. */
export function state(text: string | undefined): string | undefined {
  if (text === undefined || text === "" || text === "NONE") return text;
  if (good.has(text)) return pc.green(text);
  return bad.has(text) ? pc.red(text) : pc.yellow(text);
}

/** `3 s`, `2 min`, `5 h`, `4 d`: the time since something, to one digit of a unit. */
export function age(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)}s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)}h` : `${Math.round(seconds / 86_400)}d`;
}
