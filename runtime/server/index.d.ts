/** A server of bundles over HTTP: `loadConfig`, then `startServer`. */
export * from '@generatrix/runtime/serve';
