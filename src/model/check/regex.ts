/** Regular expressions of the user, which run under RE2: linear in time, no look-around, no back-references. */
import { RE2JS, RE2JSSyntaxException } from "re2js";
import { maxRegexProgramSize } from "#base/regex.ts";
import type { Report } from "./report.ts";

const longest = 1024;

/** Syntax, length (1 to 1024 characters) and program size; absent is fine. The message says what is wrong and where. */
export function checkRegex(report: Report, field: string, pattern: string | undefined): void {
  if (pattern === undefined) return;
  if (pattern.length === 0 || pattern.length > longest) {
    report.invalid(field, pattern, `Must be from 1 to ${longest} characters.`);
    return;
  }
  try {
    const size = RE2JS.compile(pattern).programSize();
    if (size > maxRegexProgramSize) {
      report.invalid(
        field,
        pattern,
        `The expression is too complex: its RE2 program size is ${size}, at most ${maxRegexProgramSize} is allowed.`,
      );
    }
  } catch (thrown) {
    report.invalid(field, pattern, `Must be a valid RE2 regular expression: ${describe(thrown, pattern)}`);
  }
}

function describe(thrown: unknown, pattern: string): string {
  if (!(thrown instanceof RE2JSSyntaxException)) return thrown instanceof Error ? thrown.message : String(thrown);
  const part = thrown.getPattern();
  if (part === null || part === "") return `${thrown.getDescription()}.`;
  const position = pattern.indexOf(part);
  return `${thrown.getDescription()}: '${part}'${position < 0 ? "" : ` at position ${position}`}.`;
}
