import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cudaMessage, cudaParts, cudaProviders, parseDriverVersion, requireCuda } from './cuda-libraries.ts';
import { binariesFolder } from './engine-node.ts';

const here = process.platform === 'linux' && process.arch === 'x64';
const cure = 'run `npx generatrix cuda`';

test('the version of the driver is read off what the kernel says', () => {
  expect(
    parseDriverVersion(
      'NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 07:19:26 UTC 2025\nGCC version:',
    ),
  ).toBe(580);
  expect(
    parseDriverVersion('NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  595.12  Release Build'),
  ).toBe(595);
  expect(parseDriverVersion('something else')).toBeNull();
});

test("CUDA's own words are taken out of onnxruntime's message", () => {
  const words = 'CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version';
  expect(
    cudaMessage(`/src/cuda_call.cc:146 CudaCall(ERRTYPE) [with bool THRW = true] ${words} ; GPU=-1 ; `),
  ).toBe(words);
  expect(cudaMessage('something else')).toBe('something else');
});

describe.skipIf(!here)('what CUDA needs (Linux on x64)', () => {
  let folders = { providers: '', libraries: '' };
  beforeEach(async () => {
    const providers = await mkdtemp(join(tmpdir(), 'generatrix-cuda-'));
    folders = { providers, libraries: join(providers, 'cuda') };
    await mkdir(folders.libraries);
  });
  afterEach(() => rm(folders.providers, { recursive: true, force: true }));
  const faultOf = (part: RegExp) => cudaParts(folders).find((each) => part.test(each.part))!.fault;

  test('names the provider and each library that is missing, with the cure', async () => {
    await writeFile(join(folders.providers, cudaProviders[0]), '');
    expect(faultOf(/provider/)).toBe(`libonnxruntime_providers_cuda.so missing: ${cure}`);
    expect(() => requireCuda(folders)).toThrow(`libonnxruntime_providers_cuda.so missing: ${cure}`);
    await writeFile(join(folders.providers, cudaProviders[1]), '');
    expect(faultOf(/provider/)).toBeNull();
    // A machine may have CUDA in the folders of the system.
    const fault = faultOf(/^libcublas\.so/);
    expect([null, `missing: ${cure}`]).toContain(fault);
  });

  test('a library that is broken is told from one that is whole', async () => {
    await writeFile(
      join(folders.libraries, 'libcurand.so.10'),
      'no library at all, but long enough for a header',
    );
    expect(faultOf(/curand/)).toMatch(
      /libcurand\.so\.10: (file too short|invalid ELF header): delete .*cuda and run `npx generatrix cuda`$/,
    );
    // Whatever it computes: it opens, and needs nothing that is not there.
    const whole = join(binariesFolder(), 'bin/napi-v6/linux/x64/libonnxruntime.so.1');
    await symlink(whole, join(folders.libraries, 'libcudart.so.13'));
    expect(faultOf(/cudart/)).toBeNull();
  });

  test('a driver that is missing is told of with the version that is needed', () => {
    const fault = faultOf(/driver/);
    if (fault !== null) expect(fault).toMatch(/580|start the container with its GPUs/);
  });
});
