import {
  type Context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Registry } from 'prom-client';
import { UserError } from '../../../errors.ts';
import { registryMetrics } from './registry-metrics.ts';
import type { RequestTrace, Telemetry, TelemetrySettings, TraceHeaders } from './telemetry.ts';

/** How long the last export may hold up the end of the process, ms. */
const closeTimeoutMs = 1000;

const propagator = new W3CTraceContextPropagator();

/** Traces and metrics by OTLP, as JSON over HTTP. Nothing global is set: whoever embeds the server keeps their own. */
export function startOpenTelemetry(
  settings: TelemetrySettings,
  registry: Registry,
  version: string,
): Telemetry {
  const resource = defaultResource()
    .merge(resourceFromAttributes({ 'service.name': 'generatrix', 'service.version': version }))
    .merge(detectResources({ detectors: [envDetector] }));
  const tracers = settings.traces
    ? new TracerProvider({
        resource,
        sampler: samplerOf(settings),
        spanProcessors: [
          new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: settings.traces }) }),
        ],
      })
    : null;
  const meters = settings.metrics
    ? new MeterProvider({
        resource,
        readers: [
          new PeriodicExportingMetricReader({
            exporter: new OTLPMetricExporter({ url: settings.metrics }),
            exportIntervalMillis: settings.exportIntervalMs,
            exportTimeoutMillis: Math.min(30_000, settings.exportIntervalMs),
            metricProducers: [registryMetrics(registry, version)],
          }),
        ],
      })
    : null;
  const tracer = tracers?.getTracer('generatrix', version);
  let closed: Promise<void> | undefined;
  return {
    begin: (headers) => {
      if (tracer === undefined) return null;
      const parent = propagator.extract(ROOT_CONTEXT, oneEach(headers), defaultTextMapGetter);
      const span = tracer.startSpan('request', { kind: SpanKind.SERVER }, parent);
      return requestTrace(span, trace.setSpan(parent, span), (name, start, context) =>
        tracer.startSpan(name, { startTime: start }, context),
      );
    },
    close: () => {
      closed ??= within(closeTimeoutMs, Promise.allSettled([tracers?.shutdown(), meters?.shutdown()]));
      return closed;
    },
  };
}

/** Waits for what may not end: a collector that is away must not keep the process. */
async function within(milliseconds: number, ended: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([ended, late]);
  clearTimeout(timer);
}

type StartSpan = (name: string, start: number, context: Context) => Span;

function requestTrace(span: Span, context: Context, startSpan: StartSpan): RequestTrace {
  const spanContext = span.spanContext();
  const carrier: Record<string, string> = {};
  propagator.inject(context, carrier, defaultTextMapSetter);
  return {
    traceId: spanContext.traceId,
    spanId: spanContext.spanId,
    traceparent: isSpanContextValid(spanContext) ? (carrier.traceparent ?? '') : '',
    phase: (name, start, end, failure) => {
      const phase = startSpan(name, epochMs(start), context);
      if (failure !== undefined) phase.setStatus({ code: SpanStatusCode.ERROR, message: failure });
      phase.end(epochMs(end));
    },
    end: ({ name, failed, attributes }) => {
      span.updateName(name);
      span.setAttributes({ ...attributes });
      if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };
}

const epochMs = (time: number) => performance.timeOrigin + time;

/** Headers that came several times count as W3C Trace Context says: an ambiguous one is none. */
function oneEach({ traceparent, tracestate }: TraceHeaders): Record<string, string> {
  return {
    ...(typeof traceparent === 'string' && { traceparent }),
    ...(typeof tracestate === 'string' && { tracestate }),
  };
}

function samplerOf({ sampler, samplerArgument }: TelemetrySettings): Sampler {
  const root = rootSampler(sampler.replace('parentbased_', ''), samplerArgument);
  return sampler.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
}

function rootSampler(name: string, argument = '1'): Sampler {
  if (name === 'always_on') return new AlwaysOnSampler();
  if (name === 'always_off') return new AlwaysOffSampler();
  const ratio = Number(argument);
  if (ratio >= 0 && ratio <= 1) return new TraceIdRatioBasedSampler(ratio);
  throw new UserError(`OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1, got '${argument}'`);
}
