import fc from "fast-check";
import { RE2JS } from "re2js";
import { describe, expect, it } from "vitest";
import { maxRegexProgramSize } from "#base/regex.ts";
import { SimplePattern } from "#proxy/match/simple-pattern.ts";

/** What is simple must be what RE2 says, to the letter: validity, size and every match. */

const atom = fc.constantFrom(
  ...Array.from("abz09/-_ :"),
  "\\.",
  "\\-",
  "\\/",
  ".",
  "\\d",
  "\\D",
  "\\w",
  "\\W",
  "\\s",
  "\\S",
  "[a-z]",
  "[^/]",
  "[a-c0-9_-]",
  "[-a]",
  "[\\d.]",
  "[^\\w]",
  "[\\]a]",
  "[a\\-z]",
  "[.]",
);
/** What is not simple, or not valid. */
const odd = fc.constantFrom(
  "(a|b)",
  "|",
  "\\b",
  "[[:alpha:]]",
  "[]a]",
  "[z-a]",
  "(?i)",
  "*",
  "{",
  "é",
  "[",
  "\\",
  "^",
  "$",
  "[a-\\d]",
  "x{2}{3}",
  "\\Q",
  ")",
  "[\\d-z]",
);
const quantifier = fc.constantFrom("", "", "", "*", "+", "?", "{2}", "{0,2}", "{1,}", "{0}", "{3,1}", "{,2}", "??", "+*", "{60}");
const piece = fc.oneof({ weight: 12, arbitrary: fc.tuple(atom, quantifier).map((parts) => parts.join("")) }, { weight: 1, arbitrary: odd });
const pattern = fc
  .tuple(fc.constantFrom("", "^"), fc.array(piece, { maxLength: 5 }), fc.constantFrom("", "$", "\\$"))
  .map(([start, pieces, end]) => start + pieces.join("") + end);
const text = fc
  .array(fc.constantFrom(...Array.from("aabz09/-_. :]$\n\t"), "é", "😀", "\ud800"), { maxLength: 8 })
  .map((parts) => parts.join(""));

describe("a simple pattern", () => {
  it("is valid RE2 of no more than the size allowed, and takes what RE2 takes", { timeout: 60_000 }, () => {
    let simple = 0;
    let taken = 0;
    fc.assert(
      fc.property(pattern, fc.array(text, { minLength: 5, maxLength: 15 }), (expression, texts) => {
        const compiled = SimplePattern.compile(expression, maxRegexProgramSize);
        if (!compiled) return;
        simple += 1;
        const re2 = RE2JS.compile(expression);
        expect(re2.programSize()).toBeLessThanOrEqual(maxRegexProgramSize);
        for (const each of texts) {
          const expected = re2.testExact(each);
          expect([each, compiled.testExact(each)]).toEqual([each, expected]);
          if (expected) taken += 1;
        }
      }),
      { numRuns: 20_000 },
    );
    expect(simple).toBeGreaterThan(5_000);
    expect(taken).toBeGreaterThan(2_000);
  });

  it.each(["/users/[0-9]+/cart/?", "/api/v[0-9]+/[^/]+/items/\\d{1,6}", "^/static/.*$", "/[a-z]+-[0-9]+", "/a{2,3}b"])(
    "%s is one",
    (each) => {
      expect(SimplePattern.compile(each, maxRegexProgramSize)).toBeDefined();
    },
  );

  it.each(["/(a|b)", ".*\\.html", "[a-z]*a", "a?ab", "(?i)/a", "/a**", "/[b-a]", "/a{100}"])("%s is left to RE2", (each) => {
    expect(SimplePattern.compile(each, maxRegexProgramSize)).toBeUndefined();
  });
});
