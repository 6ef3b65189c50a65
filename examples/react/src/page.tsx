import { GeneratrixSampler } from '@generatrix/element/react';
import { type ComponentRef, useRef, useState } from 'react';

/** Samples of a model by a seed, drawn on the visitor's device. */
export function Page() {
  const sampler = useRef<ComponentRef<typeof GeneratrixSampler>>(null);
  const [seed, setSeed] = useState(42);
  const [line, setLine] = useState('Loading the model');
  return (
    <main>
      <GeneratrixSampler
        ref={sampler}
        src="models/ring8"
        count={100}
        seed={seed}
        autoload
        onSample={({ count, seed, data }) =>
          setLine(`${count} samples with seed ${seed}, the first at ${data.data[0]}, ${data.data[1]}`)
        }
        onError={({ message }) => setLine(message)}
      />
      <button type="button" onClick={() => setSeed(seed + 1)}>
        Next seed
      </button>
      <button type="button" onClick={() => sampler.current?.cancel()}>
        Stop
      </button>
      <output>{line}</output>
    </main>
  );
}
