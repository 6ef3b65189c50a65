export * from './graph/ir.ts';
