import { UserError } from "#base/errors.ts";
import { isLoopbackName } from "#base/loopback.ts";

/**
 * The emulator asks for no token, so that a web page must not be able to speak to it: neither under a name of its own that resolves to
 * this machine (DNS rebinding; the Host header tells), nor across origins (the Origin header tells). Throws `UserError` `forbidden`.
 */
export function guardLoopback(request: Request): void {
  const host = request.headers.get("host") ?? new URL(request.url).host;
  if (!isLoopbackName(hostnameOf(host))) throw refused("Host", host);
  const origin = request.headers.get("origin");
  if (origin !== null && !isLoopbackName(hostnameOf(origin.replace(/^[a-z][a-z0-9+.-]*:\/\//i, "")))) throw refused("Origin", origin);
}

/** A host without its port. */
function hostnameOf(host: string): string {
  return /^\[[^\]]*\]/.exec(host)?.[0] ?? host.replace(/:\d*$/, "");
}

function refused(header: string, value: string): UserError {
  const message = `The ${header} header '${value.slice(0, 200)}' does not name this machine. Use localhost or a loopback address.`;
  return new UserError({ code: "forbidden", message, field: header });
}
