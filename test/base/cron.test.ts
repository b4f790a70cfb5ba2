import { describe, expect, test } from "vitest";
import { cronFault, nextCronMs, previousCronMs } from "#base/cron.ts";

const next = (text: string, timeZone: string, after: string): string | undefined => {
  const ms = nextCronMs(text, timeZone, Date.parse(after));
  return ms === undefined ? undefined : new Date(ms).toISOString().replace(".000", "");
};

describe("the next time", () => {
  test.each([
    ["30 8 * * Mon-Fri", "America/New_York", "2026-12-04T00:00:00Z", "2026-12-04T13:30:00Z"],
    ["30 8 * * Mon-Fri", "America/New_York", "2026-12-04T13:30:00Z", "2026-12-07T13:30:00Z"],
    ["30 8 * * 1-5", "UTC", "2026-12-05T00:00:00Z", "2026-12-07T08:30:00Z"],
    ["*/15 * * * *", "UTC", "2026-12-05T00:01:00Z", "2026-12-05T00:15:00Z"],
    ["0 0 * * 7", "UTC", "2026-12-01T00:00:00Z", "2026-12-06T00:00:00Z"],
    ["0 0 1,15 Jan,Jul *", "UTC", "2026-01-02T00:00:00Z", "2026-01-15T00:00:00Z"],
    // Either of two days counts.
    ["0 0 13 * 5", "UTC", "2026-12-01T00:00:00Z", "2026-12-04T00:00:00Z"],
    ["0 0 29 2 *", "UTC", "2026-12-01T00:00:00Z", "2028-02-29T00:00:00Z"],
    ["0 0 1 1 * 2030", "UTC", "2026-12-04T13:30:00Z", "2030-01-01T00:00:00Z"],
    ["0 0 1 1 * 2028-2030", "UTC", "2026-12-04T13:30:00Z", "2028-01-01T00:00:00Z"],
    ["0 0 1 1 * 2020", "UTC", "2026-12-04T13:30:00Z", undefined],
    ["0 8 * * *", "Asia/Kolkata", "2026-12-04T00:00:00Z", "2026-12-04T02:30:00Z"],
    ["0 8 * * *", "Pacific/Kiritimati", "2026-12-04T00:00:00Z", "2026-12-04T18:00:00Z"],
    // In New York 02:30 is left out on 2026-03-08, and 01:30 comes twice on 2026-11-01.
    ["30 2 * * *", "America/New_York", "2026-03-08T00:00:00Z", "2026-03-08T07:00:00Z"],
    ["30 2 * * *", "America/New_York", "2026-03-08T07:30:00Z", "2026-03-09T06:30:00Z"],
    ["30 1 * * *", "America/New_York", "2026-11-01T00:00:00Z", "2026-11-01T05:30:00Z"],
    ["30 1 * * *", "America/New_York", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
    ["0 8 * * *", "Europe/Paris", "2026-03-28T12:00:00Z", "2026-03-29T06:00:00Z"],
    ["0 8 * * *", "Europe/Paris", "2026-10-24T12:00:00Z", "2026-10-25T07:00:00Z"],
  ])("of %j in %s after %s", (text, timeZone, after, expected) => {
    expect(next(text, timeZone, after)).toBe(expected);
  });
});

describe("the last time", () => {
  test.each([
    ["0 8 * * *", "2026-12-04T08:00:00Z", "2026-12-04T08:00:00Z"],
    ["0 8 * * *", "2026-12-04T07:59:59Z", "2026-12-03T08:00:00Z"],
    ["0 8 1 1 * 2020", "2026-12-04T08:00:00Z", "2020-01-01T08:00:00Z"],
    ["0 8 1 1 * 2030", "2026-12-04T08:00:00Z", undefined],
  ])("of %j at %s", (text, at, expected) => {
    expect(previousCronMs(text, "UTC", Date.parse(at))).toBe(expected === undefined ? undefined : Date.parse(expected));
  });
});

describe("refused", () => {
  test.each([
    "",
    "* * * *",
    "* * * * * * *",
    "61 * * * *",
    "* 24 * * *",
    "0 0 0 * *",
    "0 0 * 13 *",
    "0 0 * * 8",
    "a b c d e",
    "@daily",
    "0 0 L * *",
    "0 0 15W * *",
    "0 0 * * 5L",
    "0 0 * * 5#2",
    "0 0 * * ?",
    "2026-12-04T08:00:00",
  ])("%j", (text) => {
    expect(cronFault(text, "UTC")).toBe("expression");
    expect(nextCronMs(text, "UTC", 0)).toBeUndefined();
  });

  test.each(["", "Mars/Olympus", "+25:00"])("time zone %j", (timeZone) => {
    expect(cronFault("0 0 * * *", timeZone)).toBe("timeZone");
  });

  test.each(["0 0 * * *", "0 0 30 2 *", "59 23 31 12 7 2099", "0 0 * JUL WED", "0-10/5 1,2 * * *"])("not %j", (text) => {
    expect(cronFault(text, "Europe/Paris")).toBeUndefined();
  });
});
