import type { Express, Request, RequestHandler, Response } from 'express';
import type { z } from 'zod';
import type { ServedModel } from '../engine/engine.ts';
import { HttpError } from './http-error.ts';

/** An answer as the OpenAPI document describes it. */
export interface ResponseDoc {
  readonly description: string;
  /** Schemas by media type; null for one that is no JSON. */
  readonly content?: Readonly<Record<string, z.ZodType | null>>;
}

/** One operation: what is registered, checked and documented comes from here. */
export interface Route {
  readonly method: 'get' | 'post';
  /** As OpenAPI writes it: `/v1/models/{model}`. */
  readonly path: string;
  /** Its group in the OpenAPI document. */
  readonly tag: 'Sampling' | 'Open Inference Protocol v2' | 'KServe V1' | 'Operation';
  readonly summary: string;
  /** Query parameters. */
  readonly query?: z.ZodObject;
  /** The body, checked by the handler; by media type. */
  readonly body?: Readonly<Record<string, z.ZodType | null>>;
  readonly response: ResponseDoc;
  /** The model that a request names, which bounds its body. @throws when there is none */
  readonly modelOf?: (request: Request, response: Response) => ServedModel;
  /** Read by monitoring, which has a rate of its own: else a busy client could blind it. */
  readonly scraped?: boolean;
  /** Answered without an API key. */
  readonly open?: boolean;
  /** Runs programs. One with a body is refused before that is read while the queue is full; the engine refuses others. */
  readonly work?: boolean;
  readonly handle: (request: Request, response: Response) => void | Promise<void>;
}

/** What stands between the address and the handler. */
export interface RouteGuards {
  /** Asks for an API key and holds the rate limit. */
  readonly guarded: readonly RequestHandler[];
  /** The same for what monitoring reads. */
  readonly scraped: readonly RequestHandler[];
  /** Before the body of a request that runs programs. */
  readonly work: readonly RequestHandler[];
  /** Of a request that runs programs, once it is there. */
  readonly started: readonly RequestHandler[];
  /** Reads the body. */
  readonly body: (modelOf: Route['modelOf']) => RequestHandler;
}

/** Registers routes; another method on one of their paths is refused with 405 and Allow. */
export function registerRoutes(app: Express, routes: readonly Route[], guards: RouteGuards): void {
  for (const path of new Set(routes.map((route) => route.path))) {
    const here = routes.filter((route) => route.path === path);
    const express = app.route(path.replaceAll(':', '\\:').replace(/\{(\w+)\}/g, ':$1'));
    for (const { method, open, work, modelOf, scraped, handle } of here) {
      express[method](
        ...(open ? [] : scraped ? guards.scraped : guards.guarded),
        ...(method === 'post' && work ? guards.work : []),
        ...(method === 'post' ? [guards.body(modelOf)] : []),
        ...(work ? guards.started : []),
        async (request, response) => {
          await handle(request, response);
        },
      );
    }
    express.all(methodNotAllowed(here.map(({ method }) => method)));
  }
}

/** Answers OPTIONS and refuses the rest, naming what is allowed. */
export function methodNotAllowed(methods: readonly ('get' | 'post')[]): RequestHandler {
  const allowed = methods.flatMap((method) => (method === 'get' ? ['GET', 'HEAD'] : ['POST']));
  const allow = [...allowed, 'OPTIONS'].join(', ');
  return (request, response) => {
    if (request.method === 'OPTIONS') {
      response.set('Allow', allow).status(204).end();
      return;
    }
    throw new HttpError(
      405,
      `${request.method.slice(0, 20)} is not allowed here: use ${allowed.join(' or ')}`,
      {
        Allow: allow,
      },
    );
  };
}

/** A path parameter, which Express has decoded. */
export function parameter(request: Request, name: string): string {
  const value = request.params[name];
  return typeof value === 'string' ? value : '';
}
