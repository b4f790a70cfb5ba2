import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { forwardRequestHeaders, forwardResponseHeaders } from "#proxy/filters/forwarding.ts";

/** What a reverse proxy must do with header fields, stated by others: the part of it that is pure. */

const file = new URL("../../../shared/conformance/reverse-proxy-facts.json", import.meta.url);
const present = existsSync(file);

type Fields = Record<string, string | readonly string[]>;
interface Vector {
  readonly id: string;
  readonly send?: { readonly method?: string; readonly headers?: Fields };
  readonly backendSends?: Fields;
  readonly upstreamMustNotSee?: readonly string[];
  readonly upstreamMustSee?: Readonly<Record<string, string>>;
  readonly upstreamMustContain?: Readonly<Record<string, string>>;
  readonly clientMustNotSee?: readonly string[];
  readonly clientMustSee?: Readonly<Record<string, string | number | readonly string[]>>;
}

const vectors = present ? (JSON.parse(readFileSync(file, "utf8")) as { vectors: Vector[] }).vectors : [];

/** Cookies sent in several lines are the business of the listener, not of fields already joined. */
const requests = vectors.filter(
  ({ send, upstreamMustNotSee, upstreamMustSee, upstreamMustContain }) =>
    send?.headers !== undefined && (upstreamMustNotSee ?? upstreamMustSee ?? upstreamMustContain),
);
const responses = vectors.filter(({ backendSends, clientMustNotSee }) => backendSends !== undefined && clientMustNotSee !== undefined);

function fieldsOf(fields: Fields): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(fields)) for (const value of [values].flat()) headers.append(name, value);
  return headers;
}

/** The names among phrases such as `Connection value from client`. */
const names = (phrases: readonly string[] = []): string[] => phrases.filter((phrase) => !phrase.includes(" "));

describe.skipIf(!present)("reverse proxy facts (../shared/conformance/reverse-proxy-facts.json)", () => {
  it("has vectors of both directions", () => {
    expect(requests.length).toBeGreaterThan(5);
    expect(responses.length).toBeGreaterThan(1);
  });

  it.each(requests)("request: $id", (vector) => {
    const headers = fieldsOf(vector.send?.headers ?? {});
    forwardRequestHeaders(headers, {
      method: vector.send?.method ?? "GET",
      scheme: "http",
      authority: "a.test",
      clientAddress: "10.0.0.1",
    });
    for (const name of names(vector.upstreamMustNotSee)) expect(headers.get(name)).toBeNull();
    for (const [name, value] of Object.entries(vector.upstreamMustSee ?? {})) {
      if (value === "present") expect(headers.has(name)).toBe(true);
      else expect(headers.get(name)).toBe(value);
    }
    for (const [name, value] of Object.entries(vector.upstreamMustContain ?? {})) expect(headers.get(name)).toContain(value);
  });

  it.each(responses)("response: $id", (vector) => {
    const headers = fieldsOf(vector.backendSends ?? {});
    forwardResponseHeaders(headers);
    for (const name of names(vector.clientMustNotSee)) expect(headers.get(name)).toBeNull();
    for (const [name, value] of Object.entries(vector.clientMustSee ?? {})) {
      if (name.toLowerCase() === "set-cookie") expect(headers.getSetCookie()).toHaveLength(Number(value));
      else expect(headers.get(name)).toBe([value].flat().join(", "));
    }
  });
});
