/** Other reverse proxies with the same regular expressions as routes, each with one thread, as a Worker has. */
import type { ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { start, temporaryFolder } from "./process.ts";
import { nginxConfig, reachable } from "./upstream.ts";

interface Peer {
  readonly program: string;
  readonly port: number;
  readonly start: (expressions: readonly string[], upstream: string) => ChildProcess;
}

export const peers: Readonly<Record<"nginx" | "haproxy" | "caddy", Peer>> = {
  nginx: {
    program: "/usr/sbin/nginx",
    port: 19_081,
    start: (expressions, upstream) => {
      const locations = expressions.map((each) => `location ~ ^${each}$ { proxy_pass http://upstream; }`);
      const file = write(
        "peer-nginx.conf",
        nginxConfig(`
  upstream upstream { server ${upstream}; keepalive 64; }
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  server { listen 127.0.0.1:19081; ${locations.join("\n")} location / { return 404; } }`),
      );
      return start("/usr/sbin/nginx", ["-p", temporaryFolder(), "-e", "stderr", "-c", file]);
    },
  },
  haproxy: {
    program: "/usr/sbin/haproxy",
    port: 19_082,
    start: (expressions, upstream) => {
      const rules = expressions.map((each) => `  use_backend upstream if { path_reg ^${each}$ }`);
      const file = write(
        "peer-haproxy.cfg",
        `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend front
  bind 127.0.0.1:19082
${rules.join("\n")}
backend upstream
  server one ${upstream}
`,
      );
      return start("/usr/sbin/haproxy", ["-q", "-f", file]);
    },
  },
  caddy: {
    program: "caddy",
    port: 19_083,
    start: (expressions, upstream) => {
      const handle = [{ handler: "reverse_proxy", upstreams: [{ dial: upstream }] }];
      const routes = expressions.map((each) => ({ match: [{ path_regexp: { pattern: `^${each}$` } }], handle, terminal: true }));
      const server = { listen: ["127.0.0.1:19083"], automatic_https: { disable: true }, routes };
      const config = {
        admin: { disabled: true },
        logging: { logs: { default: { level: "ERROR" } } },
        apps: { http: { servers: { s: server } } },
      };
      return start("env", ["GOMAXPROCS=1", "caddy", "run", "--config", write("peer-caddy.json", JSON.stringify(config))]);
    },
  },
};

/** Starts a peer, and waits until it has read its routes. */
export async function startPeer(peer: Peer, expressions: readonly string[], upstream: string): Promise<ChildProcess> {
  const child = peer.start(expressions, upstream);
  await reachable(peer.port);
  return child;
}

function write(name: string, text: string): string {
  const file = path.join(temporaryFolder(), name);
  writeFileSync(file, text);
  return file;
}
