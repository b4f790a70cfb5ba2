/** `wayside explain`: what the mesh does to a request, and why. */
import type { JsonObject } from "#base/json.ts";
import { ApiError } from "#client/client.ts";
import { CommandError, exitCodes } from "../exit.ts";
import type { AskedRequest } from "../explain/offline.ts";
import { explainText } from "../explain/text.ts";
import { type ApiOptions, clientOf } from "../options.ts";
import { objectOf, textOf } from "../output/fields.ts";
import { print } from "../output/print.ts";
import { projectPath } from "../resources/paths.ts";

export interface ExplainOptions extends ApiOptions {
  readonly header: readonly string[];
  /** Files in place of a mesh. */
  readonly file: readonly string[];
  /** Of an answer that the mesh gave itself. */
  readonly id?: string;
}

interface Asked {
  readonly method?: string;
  readonly url?: string;
}

/** Ends with status 1 when no rule takes the request, so that a script can ask. */
export async function run(asked: Asked, options: ExplainOptions): Promise<void> {
  const { shown, answer } = options.id === undefined ? await ofRequest(asked, options) : await ofPast(options.id, asked, options);
  print(options.output, answer, () => explainText(shown, answer));
  if (answer["matched"] !== true) process.exitCode = exitCodes.failed;
}

interface Explained {
  readonly shown: { readonly method: string; readonly url: string };
  readonly answer: JsonObject;
}

async function ofRequest({ method, url }: Asked, options: ExplainOptions): Promise<Explained> {
  if (method === undefined || url === undefined)
    throw new CommandError("explain takes a method and a URL, such as GET http://cart.shop.mesh/items, or --id", exitCodes.usage);
  const request: AskedRequest = { method, url: url.includes("://") ? url : `http://${url}`, headers: options.header.map(headerOf) };
  if (options.file.length > 0) {
    // With it come compiler and proxy, which nobody else here needs.
    const { explainFiles } = await import("../explain/offline.ts");
    return { shown: request, answer: await explainFiles(options.file, options.project, request) };
  }
  return {
    shown: request,
    answer: await clientOf(options).call("POST", explainPath(options), { ...request, headers: [...request.headers] }),
  };
}

/** Proxies report what they answered with their next look for configuration: as long as that may take, it is asked for again. */
const longestReportMs = 15_000;
const askAgainMs = 500;

async function ofPast(id: string, { method, url }: Asked, options: ExplainOptions): Promise<Explained> {
  if (method !== undefined || url !== undefined || options.file.length > 0 || options.header.length > 0)
    throw new CommandError("--id stands for a request that was made: it takes no method, URL, header or file", exitCodes.usage);
  const client = clientOf(options);
  const until = performance.now() + longestReportMs;
  for (;;) {
    try {
      const answer = await client.call("POST", explainPath(options), { id });
      const request = objectOf(objectOf(answer["past"])["request"]);
      return { shown: { method: textOf(request["method"]) ?? "", url: textOf(request["url"]) ?? "" }, answer };
    } catch (failure) {
      if (!(failure instanceof ApiError) || failure.status !== 404 || performance.now() > until) throw failure;
      await new Promise((resolve) => setTimeout(resolve, askAgainMs));
    }
  }
}

function explainPath({ project }: ExplainOptions): string {
  return `${projectPath("wayside", project)}/explain`;
}

function headerOf(text: string): { name: string; value: string } {
  const match = /^([^:=]+)[:=]\s*(.*)$/s.exec(text);
  if (match === null) throw new CommandError(`-H takes name=value or name: value, not '${text}'`, exitCodes.usage);
  return { name: (match[1] ?? "").trim(), value: match[2] ?? "" };
}
