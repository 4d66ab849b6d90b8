export * from '../dtype.ts';
