/** Where a TLS policy takes certificates from: a plug-in of the proxy, or a gRPC endpoint. */
import type { Report } from "../check/report.ts";
import { list, message, text, type Reading } from "../schema.ts";

export const certificateProvider = message({
  grpcEndpoint: message({ targetUri: text }),
  certificateProviderInstance: message({ pluginInstance: text }),
});

export const providers = list(certificateProvider);

type CertificateProvider = Reading<typeof certificateProvider>;

/** Exactly one source; absent is fine. */
export function checkProvider(report: Report, path: string, provider: CertificateProvider | undefined): void {
  if (provider === undefined) return;
  report.oneOf(path, provider, { of: ["grpcEndpoint", "certificateProviderInstance"], needed: true });
  if (provider.grpcEndpoint !== undefined && !provider.grpcEndpoint.targetUri) report.required(`${path}.grpcEndpoint.targetUri`);
  const plugin = provider.certificateProviderInstance;
  if (plugin !== undefined && !plugin.pluginInstance) report.required(`${path}.certificateProviderInstance.pluginInstance`);
}

export function checkProviders(report: Report, path: string, given: readonly CertificateProvider[] | undefined): void {
  for (const [index, provider] of (given ?? []).entries()) checkProvider(report, `${path}[${index}]`, provider);
}
