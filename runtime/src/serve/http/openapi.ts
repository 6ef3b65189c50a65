import { z } from 'zod';
import type { Route } from './route.ts';

/** The part of an OpenAPI 3.1 document that we write. */
export interface OpenApiDocument {
  readonly openapi: '3.1.0';
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Readonly<Record<string, unknown>>;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
}

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, ApiResponse>>;
  readonly security?: readonly [];
}

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly required: boolean;
  readonly schema: JsonSchema;
}

type JsonSchema = Readonly<Record<string, unknown>>;
type Content = Readonly<Record<string, { readonly schema?: JsonSchema }>>;
type ApiResponse = { readonly description: string; readonly content?: Content } | { readonly $ref: string };

const errors: Readonly<Record<string, string>> = {
  '400': 'The request is wrong; error says how',
  '401': 'An API key is needed, or not known',
  '404': 'There is no such model or version',
  '406': 'Samples cannot be shown as Accept asks',
  '413': 'The body is too large',
  '415': 'The Content-Type or Content-Encoding is not supported',
  '429': 'The queue is full or the rate limit reached; Retry-After says when to come back',
  '503': 'The server is not ready',
  '504': 'The request took too long',
};
const ofPost = ['400', '401', '404', '406', '413', '415', '429', '503', '504'];
const ofGetWork = ['400', '401', '404', '406', '429', '503', '504'];
const ofGet = ['400', '401', '404', '429', '503'];
const ofOpen = ['503'];

/** Names that a document's paths may have now. */
export interface PathNames {
  /** Of bundles. */
  readonly models: readonly string[];
  /** In the Open Inference Protocol. */
  readonly programs: readonly string[];
  readonly versions: readonly string[];
}

/**
 * The OpenAPI document of the routes, from the very schemas that check requests.
 * @param names absent where they are not for everybody
 */
export function openApi(
  routes: readonly Route[],
  version: string,
  keyed: boolean,
  names?: PathNames,
): OpenApiDocument {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of routes) {
    paths[route.path] ??= {};
    paths[route.path]![route.method] = operation(route, names);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Generatrix sampling server',
      version,
      description:
        'Samples, densities and codes of generative models. Every error is {"error": "one sentence"}.',
    },
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: { Error: schemaOf(z.object({ error: z.string() }), 'output') },
      responses: Object.fromEntries(
        Object.entries(errors).map(([code, description]) => [
          `Error${code}`,
          {
            description,
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
          },
        ]),
      ),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        header: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
      },
    },
    ...(keyed && { security: [{ bearer: [] }, { header: [] }] }),
  };
}

function operation(
  { method, path, tag, summary, query, body, response, open, work }: Route,
  names: PathNames | undefined,
): Operation {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(
    ([, name]): Parameter => ({
      name: name!,
      in: 'path',
      required: true,
      schema: pathSchema(path, name!, names),
    }),
  );
  const inQuery = Object.entries((query && schemaOf(query, 'input').properties) ?? {}).map(
    ([name, schema]): Parameter => ({ name, in: 'query', required: false, schema: schema as JsonSchema }),
  );
  const parameters = [...inPath, ...inQuery];
  const codes = open ? ofOpen : method === 'post' ? ofPost : work ? ofGetWork : ofGet;
  return {
    operationId: `${method}${path.replace(/\W+(\w)/g, (_, letter: string) => letter.toUpperCase()).replace(/\W/g, '')}`,
    tags: [tag],
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { content: contentOf(body, 'input') } }),
    responses: {
      '200': {
        description: response.description,
        ...(response.content && { content: contentOf(response.content, 'output') }),
      },
      ...Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/responses/Error${code}` }])),
    },
    ...(open && { security: [] as const }),
  };
}

/** V2 and V1's predict name programs; all else names bundles. A list of no names would be no schema. */
function pathSchema(path: string, name: string, names: PathNames | undefined): JsonSchema {
  const programs = path.startsWith('/v2/models/') || path.endsWith(':predict');
  const known = name === 'version' ? names?.versions : programs ? names?.programs : names?.models;
  return { type: 'string', ...(known && known.length > 0 && { enum: known }) };
}

function contentOf(content: Readonly<Record<string, z.ZodType | null>>, io: 'input' | 'output'): Content {
  return Object.fromEntries(
    Object.entries(content).map(([type, schema]) => [
      type,
      schema === null ? {} : { schema: schemaOf(schema, io) },
    ]),
  );
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, target: 'draft-2020-12' });
  return rest;
}
