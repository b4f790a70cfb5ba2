/** Every command of the README's tour runs against the demo mesh, as a reader would type it. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { until } from "./harness/rest.ts";
import { root } from "./harness/wayside.ts";

interface Step {
  readonly script: string;
  readonly exit: number;
}

const steps: Step[] = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/```sh tour(?: exit=(\d))?\n([\s\S]*?)```/g)].map(
  (match) => ({
    exit: Number(match[1] ?? 0),
    script: match[2] ?? "",
  }),
);

let demo: ChildProcess;
let output = "";
let origins = { api: "", mesh: "" };

/** The demo on free ports; resolves once it has printed what to try. */
async function startDemo(): Promise<void> {
  demo = spawn(process.execPath, ["examples/shop/start.ts", "--port", "0", "--mesh-port", "0"], {
    cwd: root,
    env: { ...process.env, NO_COLOR: "1" },
  });
  const ready = new Promise<void>((resolve, reject) => {
    for (const stream of [demo.stdout, demo.stderr])
      stream?.on("data", (chunk) => {
        output += String(chunk);
        if (output.includes("Ctrl-C ends everything")) resolve();
      });
    demo.on("exit", (code) => reject(new Error(`the demo ended with ${code}:\n${output}`)));
  });
  await ready;
  origins = { api: /Control API\s+(\S+)/.exec(output)?.[1] ?? "", mesh: /Mesh\s+(http\S+)/.exec(output)?.[1] ?? "" };
}

async function run(script: string): Promise<{ status: number; text: string }> {
  const here = script.replaceAll("http://127.0.0.1:8788", origins.mesh).replaceAll("http://127.0.0.1:8787", origins.api);
  const shell = spawn("bash", ["-c", `set -e -o pipefail\n${here}`], {
    cwd: root,
    env: { ...process.env, WAYSIDE_API: origins.api, NO_COLOR: "1" },
  });
  let text = "";
  shell.stdout.on("data", (chunk) => (text += String(chunk)));
  shell.stderr.on("data", (chunk) => (text += String(chunk)));
  const [status] = (await once(shell, "close")) as [number];
  return { status, text };
}

beforeAll(startDemo);
afterAll(async () => {
  const ended = once(demo, "exit");
  demo.kill("SIGTERM");
  expect((await ended)[0]).toBe(0);
});

it("has a tour", () => {
  expect(steps.length).toBeGreaterThanOrEqual(7);
});

it.each(steps.map((step, index) => [index + 1, step] as const))("step %i does what it says", async (_, step) => {
  const { status, text } = await run(step.script);
  expect(status, text).toBe(step.exit);
  expect(text.length, "it prints something").toBeGreaterThan(0);
  expect(text).not.toMatch(/internal error|\bundefined\b|\[object Object\]/);
});

it("answers as the tour says", async () => {
  const storefront = await run("curl -s -H 'Host: storefront.shop.mesh' http://127.0.0.1:8788/");
  expect(storefront.text).toMatch(/^storefront storefront-\w+\ncart: .*"service":"cart".*\ncatalog: .*"service":"catalog"/);
  const payments = await until("the payments service sees the added version", 15_000, async () => {
    const { text } = await run("curl -s -H 'Host: payments.shop.mesh' http://127.0.0.1:8788/");
    const answer = JSON.parse(text);
    return answer.tokenLength === "s3cret".length && answer;
  });
  expect(payments).toMatchObject({ service: "payments" });
});
