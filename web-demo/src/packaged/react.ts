import {
  createElement,
  type ForwardedRef,
  forwardRef,
  type HTMLAttributes,
  useEffect,
  useImperativeHandle,
  useRef,
} from 'react';
import type { SamplerEvents } from '../element/events.ts';
import type { GeneratrixSampler as SamplerElement } from '../element/sampler-element.ts';

/** What an event of the element tells, by its name without `generatrix-`. */
type Detail<Name extends keyof Events> = Events[Name] extends CustomEvent<infer D> ? D : never;
type Events = {
  [Name in 'load' | 'progress' | 'sample' | 'error']: SamplerEvents[`generatrix-${Name}`];
};

/** The element's attributes, typed, and a function for each of its events. */
export interface GeneratrixSamplerProps
  extends Omit<HTMLAttributes<HTMLElement>, 'onLoad' | 'onProgress' | 'onError' | 'draggable'> {
  readonly src: string;
  readonly count?: number;
  readonly seed?: number;
  readonly device?: SamplerElement['device'];
  readonly label?: number;
  readonly labels?: SamplerElement['labels'];
  readonly draw?: SamplerElement['draw'];
  readonly temperature?: number;
  readonly autoload?: boolean;
  readonly offline?: string;
  readonly onLoad?: (detail: Detail<'load'>) => void;
  readonly onProgress?: (detail: Detail<'progress'>) => void;
  readonly onSample?: (detail: Detail<'sample'>) => void;
  readonly onError?: (detail: Detail<'error'>) => void;
}

/**
 * `<generatrix-sampler>` for React 18 and later. The element itself is loaded in the browser, after the first rendering:
 * on a server its tag is all there is. The ref is the element.
 */
export const GeneratrixSampler = forwardRef(function GeneratrixSampler(
  { onLoad, onProgress, onSample, onError, className, autoload, ...attributes }: GeneratrixSamplerProps,
  ref: ForwardedRef<SamplerElement>,
) {
  const element = useRef<SamplerElement>(null);
  useImperativeHandle(ref, () => element.current as SamplerElement);
  const handlers = useRef({ onLoad, onProgress, onSample, onError });
  useEffect(() => {
    handlers.current = { onLoad, onProgress, onSample, onError };
  });
  useEffect(() => {
    const target = element.current;
    const ended = new AbortController();
    const listen = <Name extends keyof Events>(
      name: Name,
      call: () => ((detail: Detail<Name>) => void) | undefined,
    ) =>
      target?.addEventListener(
        `generatrix-${name}`,
        (event) => call()?.((event as CustomEvent<Detail<Name>>).detail),
        { signal: ended.signal },
      );
    listen('load', () => handlers.current.onLoad);
    listen('progress', () => handlers.current.onProgress);
    listen('sample', () => handlers.current.onSample);
    listen('error', () => handlers.current.onError);
    // Listeners come first: an element that is defined may fail at once.
    void import('./index.ts');
    return () => ended.abort();
  }, []);
  const given = Object.entries({ ...attributes, class: className, autoload: autoload ? '' : undefined });
  const present = Object.fromEntries(given.filter(([, value]) => value !== undefined));
  return createElement('generatrix-sampler', { ...present, ref: element });
});
