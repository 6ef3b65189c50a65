import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import { TestClient } from '../../../testing/grpc-client.ts';
import { startTestServer, type TestServer } from '../../../testing/http-server.ts';
import { ServeError } from '../../engine/engine.ts';
import { GRPCInferenceService } from '../../grpc/inference_pb.ts';
import { telemetrySettings } from './telemetry.ts';

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: number };
}
interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly status: { readonly code?: number; readonly message?: string };
}
interface Point {
  readonly attributes: readonly Attribute[];
  readonly asDouble?: number;
  readonly bucketCounts?: readonly number[];
  readonly explicitBounds?: readonly number[];
  readonly count?: number;
  readonly sum?: number;
}
interface Metric {
  readonly name: string;
  readonly sum?: { readonly dataPoints: readonly Point[]; readonly isMonotonic: boolean };
  readonly gauge?: { readonly dataPoints: readonly Point[] };
  readonly histogram?: { readonly dataPoints: readonly Point[] };
}
interface Received {
  readonly resourceSpans?: readonly [
    {
      readonly resource: { readonly attributes: Attribute[] };
      readonly scopeSpans: readonly [{ readonly spans: Span[] }];
    },
  ];
  readonly resourceMetrics?: readonly [{ readonly scopeMetrics: readonly { readonly metrics: Metric[] }[] }];
}

/** An OTLP/HTTP collector: what it received, by path. */
let collector: Server;
let received: { path: string; type: string; body: Received }[];
let server: TestServer | undefined;

beforeEach(async () => {
  received = [];
  collector = createServer(async (request, response) => {
    const body = (await json(request)) as Received;
    received.push({ path: request.url!, type: String(request.headers['content-type']), body });
    response.setHeader('Content-Type', 'application/json').end('{}');
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  await server?.end();
  server = undefined;
  await new Promise((resolve) => collector.close(resolve));
});

const address = () => `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
const start = async (environment: Record<string, string>, grpcPort?: number) => {
  server = await startTestServer(grpcPort === undefined ? {} : { grpcPort }, { environment });
  return server;
};
const plain = (attributes: readonly Attribute[]) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue]));
const spans = () => received.flatMap(({ body }) => body.resourceSpans?.[0].scopeSpans[0].spans ?? []);

const samples = '/v1/models/points/samples';
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const caller = '00f067aa0ba902b7';
const traceparent = (flags: '00' | '01') => `00-${traceId}-${caller}-${flags}`;
const logged = (path: string) => server!.log.find((line) => line.msg === 'request' && line.path === path);

describe('a request within a trace', () => {
  it('has a span there, and its queue, run and serialisation have theirs within it', async () => {
    const { post, stop } = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: `${address()}/`,
      OTEL_METRICS_EXPORTER: 'none',
    });
    const response = await post(samples, { seed: 1 }, { traceparent: traceparent('01') });
    expect(response.status).toBe(200);
    await response.arrayBuffer();
    await stop();
    expect(received.map(({ path, type }) => [path, type])).toEqual([['/v1/traces', 'application/json']]);
    expect(plain(received[0]!.body.resourceSpans![0].resource.attributes)).toMatchObject({
      'service.name': 'generatrix',
    });
    const all = spans();
    expect(all.map(({ name }) => name).sort()).toEqual([
      'POST /v1/models/:model/samples',
      'queue',
      'run',
      'serialise',
    ]);
    const request = all.find(({ kind }) => kind === 2)!;
    expect([request.traceId, request.parentSpanId]).toEqual([traceId, caller]);
    expect(plain(request.attributes)).toEqual({
      'http.request.method': 'POST',
      'http.route': '/v1/models/:model/samples',
      'http.response.status_code': 200,
      'url.path': samples,
      'generatrix.request_id': response.headers.get('X-Request-Id'),
      'generatrix.model': 'points',
      'generatrix.program': 'sample',
    });
    expect(response.headers.get('traceparent')).toBe(`00-${traceId}-${request.spanId}-01`);
    expect(logged(samples)).toMatchObject({ trace_id: traceId, span_id: request.spanId });
    const [queue, run, serialise] = ['queue', 'run', 'serialise'].map(
      (name) => all.find((span) => span.name === name)!,
    );
    for (const phase of [queue!, run!, serialise!]) {
      expect([phase.traceId, phase.parentSpanId]).toEqual([traceId, request.spanId]);
      expect(BigInt(phase.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(phase.startTimeUnixNano));
    }
    expect(run!.startTimeUnixNano).toBe(queue!.endTimeUnixNano);
    expect(serialise!.startTimeUnixNano).toBe(run!.endTimeUnixNano);
  });

  it('that is not sampled sends nothing, and is in the log', async () => {
    const { post, stop } = await start({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${address()}/own`,
      OTEL_METRICS_EXPORTER: 'none',
    });
    const response = await post(samples, { seed: 1 }, { traceparent: traceparent('00') });
    await response.arrayBuffer();
    expect(response.headers.get('traceparent')).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
    await (await post(samples, { seed: 2 }, { traceparent: 'nonsense' })).arrayBuffer();
    await stop();
    expect(received.map(({ path }) => path)).toEqual(['/own']);
    const own = spans().find(({ kind }) => kind === 2)!;
    expect([own.parentSpanId ?? '', own.traceId === traceId]).toEqual(['', false]);
    expect(logged(samples)).toMatchObject({ trace_id: traceId });
  });

  it('says in its spans why it failed', async () => {
    const { post, engine, stop } = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: address(),
      OTEL_METRICS_EXPORTER: 'none',
    });
    engine.before = () => {
      throw new ServeError('unavailable', 'the bundle is set aside');
    };
    expect((await post(samples, { seed: 1 })).status).toBe(503);
    expect((await server!.fetch('/nowhere')).status).toBe(404);
    await stop();
    const status = Object.fromEntries(spans().map((span) => [span.name, span.status]));
    expect(status).toEqual({
      run: { code: 2, message: 'the bundle is set aside' },
      'POST /v1/models/:model/samples': { code: 2 },
      GET: { code: 0 },
    });
  });
});

test('calls of gRPC are traced alike', async () => {
  const { stop, grpcAddress } = await start(
    { OTEL_EXPORTER_OTLP_ENDPOINT: address(), OTEL_METRICS_EXPORTER: 'none' },
    0,
  );
  const client = new TestClient(grpcAddress!);
  const parameters = { seed: { parameterChoice: { case: 'int64Param' as const, value: 1n } } };
  const metadata = { traceparent: traceparent('01') };
  await client.call(
    GRPCInferenceService.method.modelInfer,
    { modelName: 'points', parameters },
    { metadata },
  );
  client.close();
  await stop();
  const request = spans().find(({ kind }) => kind === 2)!;
  expect([request.name, request.traceId, request.parentSpanId]).toEqual([
    'inference.GRPCInferenceService/ModelInfer',
    traceId,
    caller,
  ]);
  expect(plain(request.attributes)).toMatchObject({
    'rpc.grpc.status_code': 0,
    'generatrix.model': 'points',
  });
  const inside = spans().filter(({ parentSpanId }) => parentSpanId === request.spanId);
  expect(inside.map(({ name }) => name).sort()).toEqual(['queue', 'run', 'serialise']);
  expect(server!.log.find(({ method }) => method === 'gRPC')).toMatchObject({
    trace_id: traceId,
    span_id: request.spanId,
  });
});

test('metrics are sent with the figures that Prometheus reads', async () => {
  const { post, fetch, stop } = await start({
    OTEL_EXPORTER_OTLP_ENDPOINT: address(),
    OTEL_TRACES_EXPORTER: 'none',
  });
  for (const seed of [1, 2, 2]) await (await post(samples, { seed, count: 3 })).arrayBuffer();
  await vi.waitFor(() => expect(server!.log.filter(({ msg }) => msg === 'request').length).toBe(3));
  const text = await (await fetch('/metrics')).text();
  await stop();
  expect(received.at(-1)!.path).toBe('/v1/metrics');
  const metrics = new Map(
    received
      .at(-1)!
      .body.resourceMetrics![0].scopeMetrics.flatMap(({ metrics: some }) =>
        some.map((metric) => [metric.name, metric] as const),
      ),
  );
  const cached = metrics.get('generatrix_cache_requests_total')!.sum!;
  expect(cached.isMonotonic).toBe(true);
  expect(cached.dataPoints.map(({ attributes, asDouble }) => [plain(attributes).result, asDouble])).toEqual([
    ['miss', 2],
    ['hit', 1],
  ]);
  const [ready] = metrics.get('generatrix_ready')!.gauge!.dataPoints;
  expect(ready!.asDouble).toBe(1);
  const [took] = metrics.get('generatrix_request_seconds')!.histogram!.dataPoints;
  expect(plain(took!.attributes)).toEqual({ model: 'points', program: 'sample' });
  const inText = (end: string) =>
    Number(new RegExp(`^generatrix_request_seconds_${end} (\\S+)$`, 'm').exec(text)?.[1]);
  const labels = 'model="points",program="sample"';
  expect([took!.count, took!.sum]).toEqual([inText(`count\\{${labels}\\}`), inText(`sum\\{${labels}\\}`)]);
  let upTo = 0;
  for (const [i, bound] of took!.explicitBounds!.entries()) {
    upTo += took!.bucketCounts![i]!;
    expect([bound, upTo]).toEqual([bound, inText(`bucket\\{le="${bound}",${labels}\\}`)]);
  }
  expect(took!.bucketCounts!.length).toBe(took!.explicitBounds!.length + 1);
});

test('without its variables nothing is traced, and a trace of the client is in the log', async () => {
  const { post } = await start({});
  const response = await post(samples, { seed: 1 }, { traceparent: traceparent('01') });
  await response.arrayBuffer();
  expect(response.headers.get('traceparent')).toBeNull();
  await vi.waitFor(() => expect(logged(samples)).toMatchObject({ trace_id: traceId }));
  expect(logged(samples)).not.toHaveProperty('span_id');
});

test('a collector that is away keeps neither requests nor the end', async () => {
  const gone = address();
  await new Promise((resolve) => collector.close(resolve));
  const { post, stop } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: gone });
  expect((await post(samples, { seed: 1 })).status).toBe(200);
  await stop();
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
});

describe('variables', () => {
  const endpoint = 'OTEL_EXPORTER_OTLP_ENDPOINT';
  it.each([
    [
      { [endpoint]: 'collector:4318' },
      `${endpoint}: expected an address such as http://collector:4318, got 'collector:4318'`,
    ],
    [
      { [endpoint]: 'http://c', OTEL_TRACES_SAMPLER: 'most' },
      'OTEL_TRACES_SAMPLER: expected one of always_on',
    ],
    [
      { [endpoint]: 'http://c', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      "expected http/json, which collectors take at their HTTP port, got 'grpc'",
    ],
    [
      { [endpoint]: 'http://c', OTEL_TRACES_EXPORTER: 'zipkin' },
      "OTEL_TRACES_EXPORTER: expected otlp or none, got 'zipkin'",
    ],
    [{ [endpoint]: 'http://c', OTEL_METRIC_EXPORT_INTERVAL: '0' }, 'expected milliseconds from 1'],
  ])('%j is refused', (environment, words) => {
    expect(() => telemetrySettings(environment)).toThrow(words);
  });

  it('ask for nothing without an address, or where the SDK is off', () => {
    expect(telemetrySettings({})).toBeNull();
    expect(telemetrySettings({ OTEL_SERVICE_NAME: 'x' })).toBeNull();
    expect(telemetrySettings({ [endpoint]: 'http://c', OTEL_SDK_DISABLED: 'true' })).toBeNull();
    expect(telemetrySettings({ [endpoint]: 'http://c/', OTEL_METRICS_EXPORTER: 'none' })).toMatchObject({
      traces: 'http://c/v1/traces',
      metrics: null,
    });
  });
});
