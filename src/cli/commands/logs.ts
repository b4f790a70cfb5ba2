/** `wayside logs`: what a VM of the emulator has written, both streams. */
import { type ApiOptions, clientOf } from "../options.ts";
import { projectPath } from "../resources/paths.ts";

export interface LogsOptions extends ApiOptions {
  readonly follow: boolean;
  readonly tail?: number;
}

export async function run(instance: string, { follow, tail, ...options }: LogsOptions): Promise<void> {
  const query = new URLSearchParams({ follow: String(follow), ...(tail === undefined ? {} : { tail: String(tail) }) });
  const path = `${projectPath("wayside", options.project)}/instances/${encodeURIComponent(instance)}/logs?${query.toString()}`;
  for await (const chunk of await clientOf(options).stream(path)) {
    if (!process.stdout.write(chunk)) await new Promise((resolve) => process.stdout.once("drain", resolve));
  }
}
