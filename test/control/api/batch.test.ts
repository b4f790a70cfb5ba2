import { describe, expect, it } from "vitest";
import { compute, openHarness } from "../resources/harness.ts";

const boundary = "===============7802976421723924926==";
const headers = { "content-type": `multipart/mixed; boundary="${boundary}"` };

/** As gcloud sends them. */
function part(id: string, request: string): string {
  return `--${boundary}\nContent-Type: application/http\nMIME-Version: 1.0\nContent-Transfer-Encoding: binary\nContent-ID: <${id}>\n\n${request}\n`;
}

function request(method: string, path: string, body = ""): string {
  return `${method} ${path}?alt=json HTTP/1.1\nContent-Type: application/json\nMIME-Version: 1.0\nHost: localhost\n\n${body}`;
}

async function send(body: string, type = headers["content-type"]): Promise<{ status: number; type: string; text: string }> {
  const harness = openHarness();
  await harness.must("POST", `${compute}/global/healthChecks`, { name: "a", type: "TCP", tcpHealthCheck: {} });
  const response = await harness.app.request("/batch/compute/v1", { method: "POST", body, headers: { "content-type": type } });
  return { status: response.status, type: response.headers.get("content-type") ?? "", text: await response.text() };
}

describe("a batch", () => {
  it("is answered part by part, each by its id and with a status of its own", async () => {
    const insert = JSON.stringify({ name: "b", type: "TCP", tcpHealthCheck: {} }, null, 2);
    const parts = [
      part("u+0", request("DELETE", `${compute}/global/healthChecks/a`)),
      part("u+1", request("DELETE", `${compute}/global/healthChecks/none`)),
      part("u+2", request("POST", `${compute}/global/healthChecks`, insert)),
      part("u+3", request("GET", `${compute}/global/healthChecks/b`)),
    ];
    const { status, type, text } = await send(`${parts.join("")}--${boundary}--`);
    expect({ status, type }).toEqual({ status: 200, type: "multipart/mixed; boundary=batch_wayside" });
    const answers = text.split("--batch_wayside").slice(1, -1);
    expect(answers.map((answer) => /Content-ID: <(.*)>/.exec(answer)?.[1])).toEqual([
      "response-u+0",
      "response-u+1",
      "response-u+2",
      "response-u+3",
    ]);
    expect(answers.map((answer) => /HTTP\/1\.1 (\d+)/.exec(answer)?.[1])).toEqual(["200", "404", "200", "200"]);
    expect(JSON.parse(answers[3]?.split("\r\n\r\n")[2] ?? "")).toMatchObject({ kind: "compute#healthCheck", name: "b" });
    expect(text.endsWith("--batch_wayside--\r\n")).toBe(true);
  });

  it("may have the line ends of HTTP", async () => {
    const body = `${part("x", request("GET", `${compute}/global/healthChecks/a`))}--${boundary}--`.replaceAll("\n", "\r\n");
    expect((await send(body)).text).toContain("HTTP/1.1 200");
  });

  it("holds no batches", async () => {
    expect((await send(`${part("x", request("POST", "/batch/compute/v1"))}--${boundary}--`)).text).toContain("HTTP/1.1 404");
  });

  it.each([
    ["of another type", "{}", "application/json", "Its content type must be multipart/mixed with a boundary."],
    ["without an end", part("x", request("GET", "/")), undefined, "Its last boundary is missing."],
    [
      "with a part that is no request",
      `${part("x", "hello")}--${boundary}--`,
      undefined,
      "A part begins with 'hello' instead of a request line.",
    ],
    [
      "with too many parts",
      `${part("x", request("GET", "/")).repeat(1001)}--${boundary}--`,
      undefined,
      "It has 1001 parts; at most 1000 are taken.",
    ],
  ])("%s is refused", async (...[, body, type, why]) => {
    const { status, text } = await send(body, type);
    expect(status).toBe(400);
    expect(text).toContain(`Failed to parse batch request. ${why}`);
  });
});
