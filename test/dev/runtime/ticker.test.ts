import { expect, it } from "vitest";
import { Ticker } from "#dev/runtime/ticker.ts";
import { eventually } from "../waiting.ts";

it("runs at once, again and again, never twice at a time, and goes on after a failure", async () => {
  let running = 0;
  let most = 0;
  let runs = 0;
  const ticker = new Ticker(10, async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, 15));
    running -= 1;
    runs += 1;
    if (runs === 2) throw new Error("once");
  });
  expect(running).toBe(1);
  await eventually("five runs", () => runs >= 5);
  await ticker.stop();
  expect(running).toBe(0);
  expect(most).toBe(1);
  const after = runs;
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(runs).toBe(after);
});
