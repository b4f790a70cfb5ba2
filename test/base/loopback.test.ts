import { describe, expect, it } from "vitest";
import { isLoopbackName } from "#base/loopback.ts";

describe("isLoopbackName", () => {
  it.each(["localhost", "LOCALHOST", "localhost.", "api.localhost", "127.0.0.1", "127.10.0.5", "::1", "[::1]"])("takes %s", (name) => {
    expect(isLoopbackName(name)).toBe(true);
  });

  it.each(["", "localhost.evil.test", "127.0.0.1.nip.io", "0.0.0.0", "10.0.0.1", "[::2]", "evil.test", "127.0.0", "1127.0.0.1"])(
    "refuses %s",
    (name) => {
      expect(isLoopbackName(name)).toBe(false);
    },
  );
});
