/** Filters of custom metrics, as far as they are obeyed: equalities joined by AND, of Cloud Monitoring's filter language. */

export interface MetricFilter {
  /** Absent: any. */
  readonly resourceType?: string;
  readonly resourceLabels: Readonly<Record<string, string>>;
  readonly metricLabels: Readonly<Record<string, string>>;
}

const equality = /^(resource\.type|(?:resource|metric)\.labels?\.[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?:"([^"\\]*)"|([^\s"()]+))$/;

/** Reads `resource.type = "gce_instance" AND metric.labels.queue = "a"`; the empty text is a filter that lets all through. Undefined for what is no such filter. */
export function metricFilterOf(text: string): MetricFilter | undefined {
  const terms = text.trim() === "" ? [] : text.trim().split(/\s+AND\s+/);
  const matches = terms.map((term) => equality.exec(term));
  const read = matches.flatMap((match) => (match ? [{ selector: match[1] ?? "", value: match[2] ?? match[3] ?? "" }] : []));
  if (read.length < terms.length) return undefined;
  const labels = (of: string): Record<string, string> =>
    Object.fromEntries(
      read.filter(({ selector }) => selector.startsWith(`${of}.label`)).map(({ selector, value }) => [selector.split(".")[2] ?? "", value]),
    );
  const type = read.find(({ selector }) => selector === "resource.type")?.value;
  return { ...(type !== undefined && { resourceType: type }), resourceLabels: labels("resource"), metricLabels: labels("metric") };
}
