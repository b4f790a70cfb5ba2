import type { Messages } from "../messages.ts";
import { commonFields } from "../networkservices/messages.ts";

const providerFields = { grpcEndpoint: "GrpcEndpoint", certificateProviderInstance: "CertificateProviderInstance" };

/** Messages of Network Security v1, by hand: no package of a registry carries their description. */
export const networkSecurityMessages: Messages = {
  GrpcEndpoint: { targetUri: "string" },
  CertificateProviderInstance: { pluginInstance: "string" },
  CertificateProvider: providerFields,
  ValidationCA: providerFields,
  ServerTlsPolicy: {
    ...commonFields,
    allowOpen: "bool",
    serverCertificate: "CertificateProvider",
    mtlsPolicy: "ServerTlsPolicy.MTLSPolicy",
  },
  "ServerTlsPolicy.MTLSPolicy": {
    clientValidationMode: "enum CLIENT_VALIDATION_MODE_UNSPECIFIED ALLOW_INVALID_OR_MISSING_CLIENT_CERT REJECT_INVALID",
    clientValidationCa: "list ValidationCA",
    clientValidationTrustConfig: "string",
  },
  ClientTlsPolicy: { ...commonFields, sni: "string", clientCertificate: "CertificateProvider", serverValidationCa: "list ValidationCA" },
  AuthorizationPolicy: { ...commonFields, action: "enum ACTION_UNSPECIFIED ALLOW DENY", rules: "list AuthorizationPolicy.Rule" },
  "AuthorizationPolicy.Rule": {
    sources: "list AuthorizationPolicy.Rule.Source",
    destinations: "list AuthorizationPolicy.Rule.Destination",
  },
  "AuthorizationPolicy.Rule.Source": { principals: "list string", ipBlocks: "list string" },
  "AuthorizationPolicy.Rule.Destination": {
    hosts: "list string",
    ports: "list uint32",
    methods: "list string",
    httpHeaderMatch: "AuthorizationPolicy.Rule.Destination.HttpHeaderMatch",
  },
  "AuthorizationPolicy.Rule.Destination.HttpHeaderMatch": { headerName: "string", regexMatch: "string" },
};
