import { createExecutor, type Executor } from '@generatrix/runtime';
import type { BrowserDevice, BrowserExecutor } from '../browser/run-program.ts';

/**
 * The page's executor behind the interface that samplers and parity checks take. The page compiles a program when it
 * runs it, so what its inputs and outputs are is asked of onnxruntime-node.
 */
export function pageExecutor(browser: BrowserExecutor, device: BrowserDevice): Executor {
  return {
    device,
    load: async (name, onnx, { weights } = {}) => {
      const here = await (await createExecutor('cpu')).load(name, onnx, { weights });
      const { inputs, outputs } = here;
      await here.release();
      return {
        inputs,
        outputs,
        run: (given) => browser.run(name, onnx, given as Parameters<BrowserExecutor['run']>[2], weights),
        release: async () => {},
      };
    },
  };
}
