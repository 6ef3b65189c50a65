import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../testing/http-server.ts';
import type { OpenApiDocument } from './openapi.ts';

let server: TestServer;
let document: OpenApiDocument;

beforeAll(async () => {
  server = await startTestServer({ maxCount: 77 });
  document = (await (await server.fetch('/openapi.json')).json()) as OpenApiDocument;
});
afterAll(() => server.end());

it('has every route, and each that it has is there', async () => {
  expect(document.openapi).toBe('3.1.0');
  expect(Object.keys(document.paths).length).toBe(27);
  const ids = new Set<string>();
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      ids.add(operation.operationId);
      const address = path.replace('{model}', 'points').replace('{version}', '1');
      const response = await server.fetch(address, { method: method.toUpperCase() });
      await response.arrayBuffer();
      expect([path, response.status]).not.toEqual([path, 405]);
      expect([path, [200, 400].includes(response.status)]).toEqual([path, true]);
      const names = (operation.parameters ?? []).filter((one) => one.in === 'path').map(({ name }) => name);
      expect(names.map((name) => `{${name}}`)).toEqual(path.match(/\{\w+\}/g) ?? []);
    }
  }
  expect(ids.size).toBe(Object.values(document.paths).flatMap((methods) => Object.keys(methods)).length);
});

it('says what the validation does', () => {
  const content = document.paths['/v1/models/{model}/samples']!.post!.requestBody!.content;
  const { properties, additionalProperties } = content['application/json']!.schema as {
    properties: Record<string, Record<string, unknown>>;
    additionalProperties: Record<string, unknown>;
  };
  expect(properties.count).toMatchObject({ type: 'integer', minimum: 1, maximum: 77, default: 1 });
  expect(properties.layout).toMatchObject({ enum: ['grid', 'strip'] });
  expect(additionalProperties).toMatchObject({ type: 'number' });
});

it('names the models that are served, unless that is for who has a key', async () => {
  const names = (of: OpenApiDocument, path: string) => of.paths[path]!.post!.parameters![0]!.schema.enum;
  expect(names(document, '/v1/models/{model}/samples')).toEqual(['points', 'bound', 'coder']);
  expect(names(document, '/v2/models/{model}/infer')).toEqual(
    expect.arrayContaining(['points', 'points_sample', 'coder_encode']),
  );
  const keyed = await startTestServer({ apiKeys: [`a:${'0'.repeat(64)}`] });
  const shown = (await (await keyed.fetch('/openapi.json')).json()) as OpenApiDocument;
  expect(names(shown, '/v1/models/{model}/samples')).toBeUndefined();
  await keyed.end();
});

it('every reference leads somewhere', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#([^"]+)"/g)].map(([, path]) => path!);
  expect(references.length).toBeGreaterThan(0);
  for (const path of references) {
    const target = path
      .split('/')
      .slice(1)
      .reduce<unknown>((value, key) => (value as Record<string, unknown>)?.[key], document);
    expect([path, target]).not.toEqual([path, undefined]);
  }
});

it('is a page that needs nothing from elsewhere and no script', async () => {
  const response = await server.fetch('/docs');
  expect(response.headers.get('Content-Type')).toBe('text/html; charset=utf-8');
  const page = await response.text();
  expect(page).not.toMatch(/<script|<style|style=|https?:\/\//);
  for (const path of Object.keys(document.paths)) expect(page).toContain(` ${path}</code>`);
  const style = await server.fetch('/docs/style.css');
  expect(style.headers.get('Content-Type')).toBe('text/css; charset=utf-8');
});
