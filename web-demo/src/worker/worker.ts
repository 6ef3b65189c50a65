import { messageOf } from '@generatrix/runtime/web';
import { type CallContext, handlers } from './handlers.ts';
import { tellLife } from './life.ts';
import { configureEngine, type OpenModel, openModel } from './open-model.ts';
import type { CallName, Configure, FromWorker, ToWorker } from './protocol.ts';

/**
 * The one thread of a page that runs models, so that inference never blocks the page, and so that two models never
 * overlap on WebGPU, which onnxruntime does not bear.
 */
const models = new Map<number, OpenModel>();
const running = new Map<number, AbortController>();

const reply = (message: FromWorker) => postMessage(message);

async function answer(message: Extract<ToWorker, { call: CallName }>): Promise<void> {
  const { id, model: number, call, payload } = message;
  const controller = new AbortController();
  running.set(id, controller);
  const context: CallContext<CallName> = {
    signal: controller.signal,
    part: (part: unknown) => reply({ id, kind: 'part', part }),
    model: () => {
      const open = models.get(number);
      if (open) return open;
      throw new Error('this model is not open');
    },
    openModel,
    setModel: (open) => {
      if (open) models.set(number, open);
      else models.delete(number);
    },
  };
  try {
    const handle = handlers[call] as (payload: unknown, context: CallContext<CallName>) => Promise<unknown>;
    const result = await handle(payload, context);
    reply({ id, kind: 'done', reply: result });
  } catch (error) {
    reply({ id, kind: 'failed', message: messageOf(error) });
  } finally {
    running.delete(id);
  }
}

addEventListener('message', ({ data }: MessageEvent<ToWorker | Configure>) => {
  if (data.call === 'configure') configureEngine(data.engine);
  else if (data.call !== 'cancel') void answer(data);
  else running.get(data.id)?.abort(new Error('cancelled'));
});

tellLife((sign) => postMessage(sign));
