/**
 * Google's variables of custom headers ("Create custom headers in backend services"), without their braces. One that a proxy cannot know
 * the value of is empty, as at Google. Any other word in braces is text.
 */
export const headerVariables: ReadonlySet<string> = new Set([
  "client_region",
  "client_region_subdivision",
  "client_city",
  "client_city_lat_long",
  "client_ip_address",
  "client_port",
  "client_rtt_msec",
  "client_protocol",
  "client_encrypted",
  "origin_request_header",
  "server_ip_address",
  "server_port",
  "tls_sni_hostname",
  "tls_version",
  "tls_cipher_suite",
  "cdn_cache_id",
  "cdn_cache_status",
]);
