/** Options that commands share, as they come from the command line. */
import { createClient, type Client } from "#client/client.ts";

/** Where the control API is, and how what it says is printed. */
export interface ApiOptions {
  readonly api: string;
  readonly project: string;
  readonly token?: string;
  readonly output: OutputForm;
}

export type OutputForm = "table" | "json" | "yaml";

/** Says which of several resources of one name is meant. */
export interface PlaceOptions {
  readonly zone?: string;
  readonly region?: string;
}

export function clientOf({ api, token }: ApiOptions): Client {
  return createClient({ api, ...(token === undefined ? {} : { token }) });
}
