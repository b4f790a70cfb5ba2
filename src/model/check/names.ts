/** Names, labels and ports, as every compute resource has them. */
import type { Report } from "./report.ts";

/** As Google's messages print it. */
const nameRule = "(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)";
const namePattern = new RegExp(`^${nameRule}$`);

/** RFC 1035 label, 1 to 63 characters: the name of a compute resource, a path matcher, a named port. */
export function checkName(report: Report, field: string, name: string | undefined): void {
  if (name === undefined || name === "") report.required(field);
  else if (!namePattern.test(name)) report.invalid(field, name, `Must be a match of regex '${nameRule}'`);
}

const networkNameRule = "(?:[a-z](?:[-_a-z0-9]{0,61}[a-z0-9])?)";
const networkNamePattern = new RegExp(`^${networkNameRule}$`);

/**
 * Name of a Network Services or Network Security resource, bare or as `projects/p/locations/l/collection/name`. Absent is fine: on creation
 * the name is a parameter of the call.
 */
export function checkNetworkName(report: Report, name: string | undefined): void {
  const short = name?.slice(name.lastIndexOf("/") + 1);
  if (short !== undefined && !networkNamePattern.test(short)) {
    report.invalid("resource.name", name, `Must be a match of regex '${networkNameRule}'`);
  }
}

const labelKey = /^[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}$/u;
const labelValue = /^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$/u;

/** Google's label rules: at most 64; keys start with a letter; lower-case letters, digits, `_`, `-`; 63 characters at most. */
export function checkLabels(report: Report, field: string, labels: Readonly<Record<string, string>> | undefined): void {
  const entries = Object.entries(labels ?? {});
  report.atMost(field, entries, 64);
  for (const [key, value] of entries) {
    if (!labelKey.test(key)) report.invalid(field, key, `Label keys must be a match of regex '${labelKey.source}'`);
    if (!labelValue.test(value)) report.invalid(`${field}.${key}`, value, `Label values must be a match of regex '${labelValue.source}'`);
  }
}

/** A TCP port; absent is fine. */
export function checkPort(report: Report, field: string, port: number | undefined): void {
  report.range(field, port, [1, 65535]);
}

/** Named ports of a group. Google lets a name stand more than once, with different ports. */
export function checkNamedPorts(report: Report, ports: readonly { readonly name?: string; readonly port?: number }[] | undefined): void {
  for (const [index, { name, port }] of (ports ?? []).entries()) {
    const field = `resource.namedPorts[${index}]`;
    checkName(report, `${field}.name`, name);
    if (port === undefined) report.required(`${field}.port`);
    checkPort(report, `${field}.port`, port);
  }
}
