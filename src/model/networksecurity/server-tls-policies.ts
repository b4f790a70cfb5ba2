import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { checkCommon, commonShape, networkVerbs, ownedByServer } from "../networkservices/common.ts";
import { message } from "../schema.ts";
import { certificateProvider, checkProvider, checkProviders, providers } from "./certificate-provider.ts";

const schema = message({ ...commonShape, serverCertificate: certificateProvider, mtlsPolicy: message({ clientValidationCa: providers }) });

/** TLS of what comes in. Stored and echoed; no field is obeyed. */
export const serverTlsPolicies: Kind = defineKind({
  api: "networksecurity",
  collection: "serverTlsPolicies",
  singular: "serverTlsPolicy",
  kind: "networksecurity#serverTlsPolicy",
  scopes: ["location"],
  verbs: networkVerbs,
  message: "ServerTlsPolicy",
  fingerprint: false,
  outputOnly: ownedByServer,
  schema,
  check: (resource, report) => {
    checkCommon(report, resource);
    checkProvider(report, "resource.serverCertificate", resource.serverCertificate);
    checkProviders(report, "resource.mtlsPolicy.clientValidationCa", resource.mtlsPolicy?.clientValidationCa);
  },
});
