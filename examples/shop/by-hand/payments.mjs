/** A process that no group manages: started by hand, registered with `wayside vm register`. Usage: node payments.mjs ADDRESS PORT */
import { createServer } from "node:http";

const [address = "127.0.0.1", port = "9401"] = process.argv.slice(2);

createServer((request, response) => {
  if (request.url === "/healthz") return response.end("ok\n");
  const token = request.headers["x-payments-token"];
  if (!token) return response.writeHead(401).end("no token\n");
  response.setHeader("content-type", "application/json");
  response.end(`${JSON.stringify({ service: "payments", tokenLength: token.length })}\n`);
}).listen(Number(port), address);
