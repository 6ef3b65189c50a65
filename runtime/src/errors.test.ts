import { expect, test } from 'vitest';
import { messageOf, UserError } from './errors.ts';

test('messageOf is one line, whatever was thrown', () => {
  expect(messageOf(new UserError('a\n  b'))).toBe('a b');
  expect(messageOf('plain')).toBe('plain');
  expect(messageOf(undefined)).toBe('undefined');
});

test("messageOf leaves out the place in onnxruntime's own source", () => {
  const message =
    '/onnxruntime_src/onnxruntime/core/providers/webgpu/webgpu_context.cc:136 onnxruntime::webgpu::WebGpuContext::Initialize(const Config&)::<lambda()> adapter_result.status == Success was false. Failed to get a WebGPU adapter: No supported adapters\n';
  expect(messageOf(new Error(message))).toBe('Failed to get a WebGPU adapter: No supported adapters');
});
