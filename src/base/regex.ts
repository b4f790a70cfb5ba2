/**
 * The largest RE2 program that an expression of a user may compile to: Envoy's default for `re2.max_program_size`, a measure of the cost of
 * an expression and not the length of its text. The API refuses what is above it, and so does the proxy.
 */
export const maxRegexProgramSize = 100;
