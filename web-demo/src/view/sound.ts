let context: AudioContext | undefined;

/** Plays sound; a call ends what an earlier one plays. Call it from a click: browsers refuse it otherwise. */
export function play(
  samples: Float32Array,
  sampleRate: number,
): { stop(): void; readonly ended: Promise<void> } {
  context ??= new AudioContext();
  void context.resume();
  const buffer = context.createBuffer(1, samples.length, sampleRate);
  buffer.copyToChannel(samples as Float32Array<ArrayBuffer>, 0);
  const node = context.createBufferSource();
  node.buffer = buffer;
  node.connect(context.destination);
  const ended = new Promise<void>((resolve) => {
    node.onended = () => resolve();
  });
  node.start();
  return { stop: () => node.stop(), ended };
}
