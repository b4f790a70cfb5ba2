import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { checkCommon, commonShape, networkVerbs, ownedByServer } from "../networkservices/common.ts";
import { message } from "../schema.ts";
import { certificateProvider, checkProvider, checkProviders, providers } from "./certificate-provider.ts";

const schema = message({ ...commonShape, clientCertificate: certificateProvider, serverValidationCa: providers });

/** TLS of what goes out to a backend service. Stored and echoed; no field is obeyed. */
export const clientTlsPolicies: Kind = defineKind({
  api: "networksecurity",
  collection: "clientTlsPolicies",
  singular: "clientTlsPolicy",
  kind: "networksecurity#clientTlsPolicy",
  scopes: ["location"],
  verbs: networkVerbs,
  message: "ClientTlsPolicy",
  fingerprint: false,
  outputOnly: ownedByServer,
  schema,
  check: (resource, report) => {
    checkCommon(report, resource);
    checkProvider(report, "resource.clientCertificate", resource.clientCertificate);
    checkProviders(report, "resource.serverValidationCa", resource.serverValidationCa);
  },
});
