/** What RFC 9110 section 5 allows in header fields, so that a `Headers` object never throws on configuration or secrets. */

const tokenPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// Tab, visible ASCII, space and obs-text: everything but the controls, and nothing that is not one byte.
const valuePattern = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Whether `name` is a field name (a token, RFC 9110 5.1). */
export function isFieldName(name: string): boolean {
  return tokenPattern.test(name);
}

/** Whether `value` is a field value (RFC 9110 5.5); the empty value is one. */
export function isFieldValue(value: string): boolean {
  return valuePattern.test(value);
}
