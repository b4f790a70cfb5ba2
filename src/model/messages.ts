/**
 * Message name → field name as it stands in JSON → type. A type is a scalar of protobuf, a message name, `enum A B C`, or one of these
 * behind `list ` or `map ` (whose keys are text). Well-known types: `duration` (`"1.5s"`), `timestamp`, `struct` (any JSON object).
 */
export type Messages = Readonly<Record<string, Readonly<Record<string, string>>>>;
