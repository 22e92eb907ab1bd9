/** Headers of one connection only, which whoever passes a message on leaves out (RFC 9110, 7.6.1), with `transfer-encoding`. */
export const HOP_BY_HOP_HEADERS: readonly string[] = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];
