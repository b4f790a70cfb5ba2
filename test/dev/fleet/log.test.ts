import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { LogFile, openLogPipe } from "#dev/fleet/log.ts";

const folder = mkdtempSync(path.join(tmpdir(), "wayside-log-"));
let count = 0;
let file = "";

beforeEach(() => {
  count += 1;
  file = path.join(folder, `${count}.log`);
});
afterAll(() => rmSync(folder, { recursive: true }));

const text = (stream: ReadableStream<Uint8Array>): Promise<string> => new Response(stream).text();

describe("LogFile", () => {
  it.each([
    ["a\nb\nc\n", 2, "b\nc\n"],
    ["a\nb\nc", 2, "b\nc"],
    ["a\nb\n", 5, "a\nb\n"],
    ["a\nb\n", 0, ""],
    ["\n\n", 1, "\n"],
    ["", 3, ""],
    ["one", 1, "one"],
  ])("of %j the last %i lines are %j", async (written, tail, expected) => {
    const log = new LogFile(file);
    log.write(Buffer.from(written));
    expect(await text(log.read({ tail, follow: false }))).toBe(expected);
    log.close();
  });

  it("keeps at most twice its limit on disk, and the newest of it", async () => {
    const log = new LogFile(file, 1000);
    for (let line = 0; line < 500; line += 1) log.write(Buffer.from(`line ${String(line).padStart(4, "0")}\n`));
    const kept = await text(log.read({ follow: false }));
    expect(kept.endsWith("line 0499\n")).toBe(true);
    expect(kept.length).toBeGreaterThan(1000);
    const sizes = readdirSync(folder)
      .filter((name) => name.startsWith(`${count}.log`))
      .map((name) => statSync(path.join(folder, name)).size);
    expect(sizes.length).toBe(2);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1000);
    log.remove();
    expect(readdirSync(folder).filter((name) => name.startsWith(`${count}.log`))).toEqual([]);
  });

  it("passes on what is written while it is followed, without gap or double, until it is closed", async () => {
    const log = new LogFile(file);
    log.write(Buffer.from("before\n"));
    const followed = text(log.read({ follow: true }));
    for (let line = 0; line < 100; line += 1) log.write(Buffer.from(`${line}\n`));
    log.close();
    expect(await followed).toBe(`before\n${Array.from({ length: 100 }, (_, line) => `${line}\n`).join("")}`);
  });

  it("goes on when a follower leaves", async () => {
    const log = new LogFile(file);
    const reader = log.read({ follow: true }).getReader();
    log.write(Buffer.from("x"));
    expect((await reader.read()).value).toEqual(new Uint8Array([120]));
    await reader.cancel();
    log.write(Buffer.from("y"));
    expect(await text(log.read({ follow: false }))).toBe("xy");
    log.close();
  });

  it("cuts off a follower that does not read", async () => {
    const log = new LogFile(file);
    const stream = log.read({ follow: true });
    for (let megabyte = 0; megabyte < 10; megabyte += 1) log.write(new Uint8Array(1024 * 1024));
    expect((await text(stream)).length).toBeLessThan(6 * 1024 * 1024);
    log.close();
  });
});

describe("openLogPipe", () => {
  it("takes both outputs of a child, those opened by name too, and ends when all who write have ended", async () => {
    const chunks: Uint8Array[] = [];
    const pipe = await openLogPipe(path.join(folder, "pipe"), (chunk) => chunks.push(chunk));
    const script = "echo out; echo err >&2; echo named > /dev/stdout; (sleep 0.2; echo late) & exit 0";
    const child = spawn("bash", ["-c", script], { stdio: ["ignore", pipe.writeEnd, pipe.writeEnd] });
    closeSync(pipe.writeEnd);
    await once(child, "exit");
    await pipe.drained;
    expect(Buffer.concat(chunks).toString()).toBe("out\nerr\nnamed\nlate\n");
    expect(readdirSync(folder)).not.toContain("pipe");
  });
});
