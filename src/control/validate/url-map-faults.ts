import type { Fault } from "#base/errors.ts";
import type { TestFailure, UrlMapTestResult } from "./url-map-tests.ts";

/** The faults of a URL map whose own tests fail, or that no proxy could load: Google keeps no such map. */
export function testFailureFaults({ loadErrors, testFailures }: UrlMapTestResult): Fault[] {
  const unloadable = loadErrors.map((error): Fault => ({
    code: "invalid",
    message: `The URL map cannot be loaded: ${error}`,
    field: "resource",
  }));
  return [...unloadable, ...testFailures.map(failed)];
}

function failed(failure: TestFailure): Fault {
  const field = "resource.tests";
  return { code: "invalid", field, message: `Invalid value for field '${field}': ''. Test failure: ${sentence(failure)}` };
}

/** In Google's words where it has words for it. */
function sentence(failure: TestFailure): string {
  const { expectedService, actualService, expectedOutputUrl, actualOutputUrl, expectedRedirectResponseCode } = failure;
  const url = `${failure.host}${failure.path}`;
  if (expectedService !== undefined && expectedService !== actualService) {
    return `Expect URL '${url}' to map to service '${expectedService}', but actually mapped to '${actualService ?? "none"}'.`;
  }
  if (expectedOutputUrl !== undefined && expectedOutputUrl !== actualOutputUrl) {
    return `Expect URL '${url}' to lead to '${expectedOutputUrl}', but actually led to '${actualOutputUrl ?? "none"}'.`;
  }
  return `Expect URL '${url}' to be redirected with code ${expectedRedirectResponseCode}, but actually got ${failure.actualRedirectResponseCode ?? "none"}.`;
}
