import type { Response } from 'express';

/** No cache may keep the answer: it is not what the same request would get again. */
export function forbidStoring(response: Response): void {
  response.removeHeader('ETag');
  response.set('Cache-Control', 'no-store');
}
