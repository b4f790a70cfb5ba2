/** The upstream and the collector: one nginx, which costs the least of all that could answer. */
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import path from "node:path";
import type { ChildProcess } from "node:child_process";
import { start, temporaryFolder } from "./process.ts";

/** On all of 127.0.0.0/8, so that every endpoint of a large configuration is there. */
export const upstreamPort = 19_080;
export const upstreamHost = "127.20.0.1";
export const upstream = `http://${upstreamHost}:${upstreamPort}`;
export const collector = `http://${upstreamHost}:${upstreamPort}`;

/** Answers everything with 1 KiB, and takes spans. */
export async function startUpstream(): Promise<ChildProcess> {
  const folder = temporaryFolder();
  writeFileSync(path.join(folder, "body"), "x".repeat(1024));
  const file = path.join(folder, "upstream.conf");
  writeFileSync(
    file,
    nginxConfig(`
  client_body_buffer_size 4m;
  client_max_body_size 16m;
  server {
    listen ${upstreamPort} backlog=4096;
    location = /v1/traces { return 200 "{}"; }
    location / { return 200 "${"x".repeat(1024)}"; }
  }`),
  );
  const child = start("/usr/sbin/nginx", ["-p", folder, "-e", "stderr", "-c", file]);
  await reachable(upstreamPort);
  return child;
}

/** A configuration for one worker process in the foreground, without logs. */
export function nginxConfig(http: string): string {
  return `daemon off; master_process off; worker_processes 1; pid nginx.pid; worker_rlimit_nofile 16384;
error_log stderr crit;
events { worker_connections 8192; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 300s;
  client_body_temp_path body-temp; proxy_temp_path proxy-temp; fastcgi_temp_path fastcgi-temp; uwsgi_temp_path uwsgi-temp; scgi_temp_path scgi-temp;
${http}
}
`;
}

const reachableTimeoutMs = 20_000;

/** Waits until something listens on the port. */
export async function reachable(port: number): Promise<void> {
  const end = performance.now() + reachableTimeoutMs;
  while (!(await isOpen(port))) {
    if (performance.now() > end) throw new Error(`nothing listens on port ${port} after ${reachableTimeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
