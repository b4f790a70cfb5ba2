/**
 * The demo: `wayside dev` with the shop's files, one VM started by hand and registered as its owner would, and a little traffic.
 * Arguments are passed on to `wayside dev`. Ctrl-C ends all of it.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { request } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";

const here = import.meta.dirname;
const command = join(here, "../../bin/wayside.js");
const payments = { address: "127.0.0.1", port: "9401" };
const children: ChildProcess[] = [];

interface Ready {
  readonly event: string;
  readonly api: string;
  readonly mesh: string;
}

function start(args: readonly string[], stdout: "pipe" | "inherit"): ChildProcess {
  const child = spawn(process.execPath, [...args], { stdio: ["ignore", stdout, "inherit"] });
  children.push(child);
  return child;
}

/** Runs a `wayside` command to its end, printing what it prints. */
function wayside(api: string, args: readonly string[]): Promise<number | null> {
  const child = spawn(process.execPath, [command, ...args, "--api", api], { stdio: ["ignore", "inherit", "inherit"] });
  return new Promise((resolve) => child.on("exit", resolve));
}

/** One request through the mesh; resolves to its status, 0 when there was no answer. */
function visit(mesh: string, host: string, path: string): Promise<number> {
  return new Promise((resolve) => {
    const outgoing = request(new URL(path, mesh), { headers: { host } }, (answer) => {
      answer.resume().on("end", () => resolve(answer.statusCode ?? 0));
    });
    outgoing.on("error", () => resolve(0)).end();
  });
}

const visits: readonly (readonly [host: string, path: string])[] = [
  ["storefront.shop.mesh", "/"],
  ["catalog.shop.mesh", "/products"],
  ["cart.shop.mesh", "/"],
  ["payments.shop.mesh", "/"],
];

async function firstAnswers(mesh: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (const [host, path] of visits) {
    while ((await visit(mesh, host, path)) !== 200 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function tryThis({ api, mesh }: Ready): string {
  return `
Control API  ${api}
Mesh         ${mesh}   (services are named by the Host header)

Try:
  curl -H 'Host: storefront.shop.mesh' ${mesh}/
  curl -i -H 'Host: catalog.shop.mesh' -H 'x-catalog-version: v2' ${mesh}/products
  curl -i -H 'Host: catalog.shop.mesh' ${mesh}/list

A little traffic is running (5 requests a second), so that there is something to see. Ctrl-C ends everything.
`;
}

async function onReady(ready: Ready): Promise<void> {
  start([join(here, "by-hand/payments.mjs"), payments.address, payments.port], "inherit");
  const member = ["--group", "payments", "--zone", "us-central1-b", "--address", payments.address, "--port", payments.port];
  await wayside(ready.api, ["vm", "register", "--name", "payments-by-hand", ...member]);
  await firstAnswers(ready.mesh);
  await wayside(ready.api, ["status"]);
  await wayside(ready.api, ["get", "groups"]);
  process.stdout.write(tryThis(ready));
  let turn = 0;
  setInterval(() => {
    const [host, path] = visits[turn++ % visits.length] ?? visits[0] ?? ["", "/"];
    void visit(ready.mesh, host, path);
  }, 200);
}

const dev = start([command, "dev", here, "-o", "json", ...process.argv.slice(2)], "pipe");
if (dev.stdout !== null) {
  createInterface(dev.stdout).on("line", (line) => {
    const event = JSON.parse(line) as Ready;
    if (event.event === "ready") void onReady(event);
  });
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => dev.kill(signal));
dev.on("exit", (code) => {
  for (const child of children) child.kill();
  process.exit(code ?? 1);
});
