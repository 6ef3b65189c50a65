import type { Registry } from 'prom-client';
import { messageOf, UserError } from '../../../errors.ts';
import { type Environment, type Telemetry, telemetrySettings } from './telemetry.ts';

/**
 * OpenTelemetry, where its variables ask for it; its packages are loaded only then.
 * @param registry what Prometheus reads: the same figures are sent
 * @returns null where nothing is asked for
 * @throws UserError as `telemetrySettings`, or saying what to install.
 */
export async function createTelemetry(
  environment: Environment,
  registry: Registry,
  version: string,
): Promise<Telemetry | null> {
  const settings = telemetrySettings(environment);
  if (settings === null) return null;
  try {
    const { startOpenTelemetry } = await import('./open-telemetry.ts');
    return startOpenTelemetry(settings, registry, version);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new UserError(
      `OTEL_EXPORTER_OTLP_ENDPOINT: OpenTelemetry is not installed (${messageOf(error).split('\n')[0]}): run \`npm install @generatrix/server\``,
    );
  }
}
