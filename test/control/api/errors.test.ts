/** Error bodies stay readable, whatever was sent. */
import { expect, it } from "vitest";
import { UserError, type Fault } from "#base/errors.ts";
import { errorOutcome } from "#control/api/errors.ts";

interface Answer {
  readonly error: { readonly message: string; readonly errors?: readonly { readonly message: string }[] };
}

const faults = (count: number): Fault[] =>
  Array.from({ length: count }, (_, index) => ({ code: "required", field: `resource.f${index}`, message: `no f${index}` }));

it.each([
  [1, 1],
  [100, 100],
  [101, 101],
  [200_000, 101],
])("of %i faults %i are told", (count, told) => {
  const { status, body } = errorOutcome("compute", new UserError(faults(count)));
  const { errors, message } = (body as unknown as Answer).error;
  expect([status, message, errors?.length]).toEqual([400, "no f0", told]);
  expect(errors?.at(-1)?.message).toBe(count > 100 ? `There are ${count - 100} more errors.` : `no f${count - 1}`);
});

it.each(["compute", "v1"] as const)("a value of a megabyte is not repeated to its sender (%s)", (style) => {
  const value = "x".repeat(1_000_000);
  const { body } = errorOutcome(
    style,
    new UserError({ code: "invalid", field: `resource.${value}`, message: `Invalid value '${value}'.` }),
  );
  expect(JSON.stringify(body).length).toBeLessThan(10_000);
  expect((body as unknown as Answer).error.message).toMatch(/^Invalid value 'x+…$/);
});
