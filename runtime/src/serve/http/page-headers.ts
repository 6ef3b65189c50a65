import helmet from 'helmet';

/** What pages may load, in the words of a Content-Security-Policy: onnxruntime's WASM needs `wasm-unsafe-eval`. */
const directives = {
  'default-src': ["'self'"],
  'script-src': ["'self'", "'wasm-unsafe-eval'"],
  'object-src': ["'none'"],
  'base-uri': ["'self'"],
  'form-action': ["'self'"],
  'frame-ancestors': ["'self'"],
};

/**
 * The security headers of every answer: a policy that lets the gallery page run and nothing from elsewhere, the
 * isolation (COOP, COEP) that lets WASM use threads, and helmet's others.
 * @param tls whether to send Strict-Transport-Security
 */
export function pageHeaders(tls = false): ReturnType<typeof helmet> {
  return helmet({
    contentSecurityPolicy: { useDefaults: false, directives },
    crossOriginOpenerPolicy: { policy: 'same-origin' },
    crossOriginEmbedderPolicy: { policy: 'require-corp' },
    strictTransportSecurity: tls,
  });
}
