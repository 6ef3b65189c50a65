import { UserError } from '../../../errors.ts';

type Attributes = Readonly<Record<string, string | number>>;

/** The span of one request, and those of its phases. Times are those of `performance.now()`. */
export interface RequestTrace {
  readonly traceId: string;
  readonly spanId: string;
  /** As W3C Trace Context writes it, for what follows from the request. */
  readonly traceparent: string;
  /** Notes a phase that is over. @param failure why it ended without its result */
  phase(name: 'queue' | 'run' | 'serialise', start: number, end: number, failure?: string): void;
  /** Ends the request's span. */
  end(about: {
    /** Of low cardinality: the route, not the address. */
    readonly name: string;
    /** The server is at fault. */
    readonly failed: boolean;
    readonly attributes: Attributes;
  }): void;
}

/** What says which trace a request is part of: headers, or metadata. */
export interface TraceHeaders {
  readonly traceparent?: unknown;
  readonly tracestate?: unknown;
}

/** Traces, and metrics that are sent: OpenTelemetry. */
export interface Telemetry {
  /** Begins the span of a request, within the trace that its headers name; null where nothing is traced. */
  begin(headers: TraceHeaders): RequestTrace | null;
  /** Sends what is left, and ends. */
  close(): Promise<void>;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** What OpenTelemetry's variables ask for: nothing unless an address is given to send to. */
export interface TelemetrySettings {
  /** Address that spans are sent to; null for none. */
  readonly traces: string | null;
  /** The same of metrics. */
  readonly metrics: string | null;
  /** `OTEL_TRACES_SAMPLER` and its argument. */
  readonly sampler: string;
  readonly samplerArgument: string | undefined;
  readonly exportIntervalMs: number;
}

const samplers = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
];

/**
 * Reads the variables that OpenTelemetry specifies; headers and time limits are read by its exporters.
 * @returns null when nothing is asked for
 * @throws UserError naming a variable that asks for what there is not.
 */
export function telemetrySettings(environment: Environment): TelemetrySettings | null {
  const read = (name: string) => environment[name]?.trim() || undefined;
  if (read('OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return null;
  const wanted = (signal: 'TRACES' | 'METRICS') => {
    const exporter = read(`OTEL_${signal}_EXPORTER`) ?? 'otlp';
    if (exporter !== 'otlp' && exporter !== 'none') {
      throw new UserError(`OTEL_${signal}_EXPORTER: expected otlp or none, got '${exporter}'`);
    }
    const base = read('OTEL_EXPORTER_OTLP_ENDPOINT');
    const own = read(`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`);
    const address = own ?? (base && `${base.replace(/\/$/, '')}/v1/${signal.toLowerCase()}`);
    if (exporter === 'none' || address === undefined) return null;
    if (!/^https?:\/\//.test(address) || !URL.canParse(address)) {
      throw new UserError(
        `OTEL_EXPORTER_OTLP_${own === undefined ? '' : `${signal}_`}ENDPOINT: expected an address such as http://collector:4318, got '${own ?? base}'`,
      );
    }
    const protocol =
      read(`OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`) ?? read('OTEL_EXPORTER_OTLP_PROTOCOL') ?? 'http/json';
    if (protocol !== 'http/json') {
      throw new UserError(
        `OTEL_EXPORTER_OTLP_PROTOCOL: expected http/json, which collectors take at their HTTP port, got '${protocol}'`,
      );
    }
    return address;
  };
  const [traces, metrics] = [wanted('TRACES'), wanted('METRICS')];
  if (traces === null && metrics === null) return null;
  const sampler = read('OTEL_TRACES_SAMPLER') ?? 'parentbased_always_on';
  if (!samplers.includes(sampler)) {
    throw new UserError(`OTEL_TRACES_SAMPLER: expected one of ${samplers.join(', ')}, got '${sampler}'`);
  }
  const interval = read('OTEL_METRIC_EXPORT_INTERVAL') ?? '60000';
  if (!/^[1-9]\d{0,8}$/.test(interval)) {
    throw new UserError(`OTEL_METRIC_EXPORT_INTERVAL: expected milliseconds from 1, got '${interval}'`);
  }
  const samplerArgument = read('OTEL_TRACES_SAMPLER_ARG');
  return { traces, metrics, sampler, samplerArgument, exportIntervalMs: Number(interval) };
}
