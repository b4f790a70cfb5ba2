import { describe, expect, test } from "vitest";
import { answer } from "#proxy/answer.ts";
import { grpcMessageOf, grpcStatusOf, grpcTypeOf } from "#proxy/grpc.ts";

const typed = (type: string): { headers: Headers } => ({ headers: new Headers({ "content-type": type }) });

describe("a gRPC request", () => {
  test.each([
    ["application/grpc", "application/grpc"],
    ["application/grpc+proto", "application/grpc+proto"],
    ["application/grpc ; charset=x", "application/grpc"],
    ["Application/GRPC+json", "Application/GRPC+json"],
    ["application/grpc-web+proto", "application/grpc-web+proto"],
    ["application/grpc-web-text", "application/grpc-web-text"],
    ["application/grpcx", undefined],
    ["application/grpc-web-x", undefined],
    ["application/json", undefined],
    ["", undefined],
  ])("of type %j", (type, expected) => expect(grpcTypeOf(typed(type).headers)).toBe(expected));

  test("is told by its content type alone", () => expect(grpcTypeOf(new Headers())).toBeUndefined());
});

test("statuses are mapped as gRPC's clients map them", () => {
  const mapped = [400, 401, 403, 404, 429, 502, 503, 504, 408, 413, 431, 499, 500, 508].map((status) => grpcStatusOf(status));
  expect(mapped).toEqual([13, 16, 7, 12, 14, 14, 14, 14, 2, 2, 2, 2, 2, 2]);
});

test("messages are percent-encoded", () => {
  expect(grpcMessageOf("50 % of ~ 'é' \n€\ud800")).toBe("50 %25 of ~ '%C3%A9' %0A%E2%82%AC%EF%BF%BD");
});

describe("the mesh's own answer", () => {
  const why = { reason: "no_healthy_endpoints", text: "none of 100 % is there", id: "abc" } as const;

  test("is one of headers alone for gRPC, and keeps reason and id", async () => {
    const response = answer(why, typed("application/grpc+proto"));
    expect([response.status, await response.text()]).toEqual([200, ""]);
    expect(Object.fromEntries(response.headers)).toEqual({
      "content-type": "application/grpc+proto",
      "grpc-status": "14",
      "grpc-message": "wayside: no_healthy_endpoints: none of 100 %25 is there (abc)",
      "x-wayside-reason": "no_healthy_endpoints",
      "x-wayside-id": "abc",
    });
  });

  test("is text for others", async () => {
    const response = answer(why, typed("application/json"));
    expect([response.status, response.headers.get("grpc-status")]).toEqual([503, null]);
    expect(await response.text()).toBe("wayside: no_healthy_endpoints: none of 100 % is there (abc)\n");
  });

  test("can be read by a page of an allowed origin", () => {
    const cors = { remove: [], set: [["access-control-allow-origin", "https://shop.test"]], add: [["vary", "Origin"]] } as const;
    const { headers } = answer({ ...why, cors }, typed("application/grpc-web"));
    expect([headers.get("access-control-allow-origin"), headers.get("vary")]).toEqual(["https://shop.test", "Origin"]);
  });
});
