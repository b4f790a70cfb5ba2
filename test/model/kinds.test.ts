import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isJsonObject, sameJson } from "#base/json.ts";
import { messageNames, messageType } from "#model/catalogue.ts";
import { conform } from "#model/conform.ts";
import { kindNamed, kindOfCollection, kindOfPath, kinds } from "#model/kinds.ts";
import { anyJson, conforming } from "./arbitrary.ts";

describe("table of kinds", () => {
  it("has each collection and each kind once", () => {
    expect(new Set(kinds.map(({ collection }) => collection)).size).toBe(kinds.length);
    expect(new Set(kinds.map(({ kind }) => kind)).size).toBe(kinds.length);
  });

  it.each(kinds)("finds $kind by collection, kind and path", (kind) => {
    expect(kindOfCollection(kind.collection)).toBe(kind);
    expect(kindNamed(kind.kind)).toBe(kind);
    expect(kindOfPath(`https://www.googleapis.com/compute/v1/projects/p/global/${kind.collection}/x`)).toBe(kind);
    expect(kind.kind).toBe(`${kind.api}#${kind.singular}`);
  });

  it("finds nothing for strange names", () => {
    for (const name of ["", "constructor", "__proto__", "urlMap"]) {
      expect(kindOfCollection(name)).toBeUndefined();
      expect(kindNamed(name)).toBeUndefined();
      expect(kindOfPath(name)).toBeUndefined();
    }
  });
});

describe("catalogue", () => {
  it("names only messages that it has", () => {
    for (const name of messageNames()) {
      const message = messageType(name);
      for (const field of message?.fieldNames() ?? []) {
        const type = message?.field(field)?.type;
        if (type?.kind === "message") expect(messageType(type.name), `${name}.${field}: ${type.name}`).toBeDefined();
      }
    }
  });

  it("has a message for every kind, and every field that the server owns", () => {
    for (const kind of kinds) {
      const fields = messageType(kind.message)?.fieldNames() ?? [];
      const everywhere = ["kind", "id", "creationTimestamp", "selfLink", "selfLinkWithId", "region", "zone", "fingerprint"];
      for (const field of kind.outputOnly.filter((name) => !everywhere.includes(name))) expect(fields, kind.kind).toContain(field);
      if (kind.fingerprint) expect(fields, kind.kind).toContain("fingerprint");
    }
  });
});

const fieldNames = [...new Set(kinds.flatMap((kind) => messageType(kind.message)?.fieldNames() ?? []))];

const place = new Map(kinds.map(({ collection }, index) => [collection, index]));

describe.each(kinds)("$kind", (kind) => {
  it("survives any JSON: no throw, no polluted prototype, faults for names that it lacks", () => {
    fc.assert(
      fc.property(anyJson(fieldNames), (json) => {
        const { value, faults } = conform(kind.message, json);
        if (isJsonObject(json) && Object.keys(json).some((key) => messageType(kind.message)?.nameOf(key) === undefined)) {
          expect(faults).not.toEqual([]);
        }
        for (const resource of isJsonObject(json) ? [value, json] : [value]) {
          kind.check(kind.defaults(resource));
          kind.references(resource);
        }
        expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
        expect(Object.keys(Object.prototype)).toEqual([]);
        expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
      }),
      { numRuns: 100 },
    );
  });

  it("accepts and keeps whatever the catalogue calls right, and its schema reads it", () => {
    fc.assert(
      fc.property(conforming(kind.message, 3), (resource) => {
        const { value, faults } = conform(kind.message, resource);
        expect(faults).toEqual([]);
        expect(sameJson(value, resource)).toBe(true);
        expect(sameJson(conform(kind.message, value).value, value)).toBe(true);
        expect(Object.keys(kind.read(value)).toSorted()).toEqual(Object.keys(value).toSorted());
        for (const { message, field } of kind.check(value)) {
          // `Invalid value at` without a type is what a schema says that cannot read a resource.
          expect(message).not.toMatch(/^Invalid value at/);
          expect(field).toMatch(/^resource/);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("refers only to kinds that are created before it", () => {
    fc.assert(
      fc.property(conforming(kind.message, 3), (resource) => {
        for (const collection of kind.references(resource).flatMap(({ collections }) => collections)) {
          expect(place.get(collection) ?? -1).toBeLessThan(place.get(kind.collection) ?? -1);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("fills defaults without touching what was given, once and for all", () => {
    fc.assert(
      fc.property(conforming(kind.message, 2), (resource) => {
        const filled = kind.defaults(resource);
        expect(filled).toMatchObject(resource);
        expect(sameJson(kind.defaults(filled), filled)).toBe(true);
        expect(conform(kind.message, filled).faults).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });
});
