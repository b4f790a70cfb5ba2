import { expect, it } from "vitest";
import { crc32c } from "#control/secrets/crc32c.ts";

it.each([
  ["the check value of the catalogue", new TextEncoder().encode("123456789"), 0xe3069283],
  ["32 zeros (RFC 3720 B.4)", new Uint8Array(32), 0x8a9136aa],
  ["32 ones (RFC 3720 B.4)", new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ["counting up (RFC 3720 B.4)", Uint8Array.from({ length: 32 }, (_, index) => index), 0x46dd794e],
  ["nothing", new Uint8Array(), 0],
])("%s", (_name, bytes, sum) => {
  expect(crc32c(bytes)).toBe(sum);
});
