/** A Python process with PyTorch, which runs the other half of each program. */
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Program, Shown, ShownError, ShownTensor, Transcript } from './program.ts';

/** The first Python that can import torch, and its version. @throws Error that says how to get one */
export const findPython = (): { readonly python: string; readonly version: string } => {
  const asked = process.env['MILLRACE_PYTHON'];
  const candidates = asked ? [asked] : ['/usr/bin/python3', 'python3', 'python'];
  for (const python of candidates) {
    const { status, stdout } = spawnSync(python, ['-c', 'import torch; print(torch.__version__)'], {
      encoding: 'utf8',
    });
    if (status === 0) return { python, version: stdout.trim() };
  }
  throw new Error(
    `No Python with PyTorch: tried ${candidates.join(', ')}. Install one (apt-get install python3-torch, or pip install torch), ` +
      'or name it: MILLRACE_PYTHON=/path/to/python npm run fuzz',
  );
};

export interface Torch extends AsyncDisposable {
  /** Runs a program's Python. */
  run(program: Program): Promise<Transcript>;
}

/** Starts the process. Programs are answered in the order in which they were sent. */
export const startTorch = (python: string): Torch => {
  const script = fileURLToPath(new URL('torch_peer.py', import.meta.url));
  const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting: { resolve(transcript: Transcript): void; reject(error: Error): void }[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.resolve(decode(line)));
  const ended = new Promise<void>((resolve) => {
    const stop = (why: string): void => {
      for (const each of waiting.splice(0)) each.reject(new Error(`The Python process ${why}`));
      resolve();
    };
    child.on('exit', (code, signal) => {
      stop(`ended (${String(signal ?? code)})`);
    });
    child.on('error', (error) => {
      stop(`did not start: ${error.message}`);
    });
  });
  child.stdin.on('error', () => undefined); // the exit says it
  return {
    run(program) {
      const { steps, stopsAtError } = program;
      return new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        child.stdin.write(`${JSON.stringify({ steps: steps.map(({ py }) => py), stopsAtError })}\n`);
      });
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
    },
  };
};

type Wire = readonly [
  label: string,
  shown: (Omit<ShownTensor, 'data'> & { readonly data: string }) | ShownError | { readonly value: never },
];

const decode = (line: string): Transcript =>
  (JSON.parse(line) as readonly Wire[]).map(([label, shown]): [string, Shown] => {
    if (!('data' in shown)) return [label, shown];
    const bytes = Uint8Array.from(Buffer.from(shown.data, 'base64'));
    return [label, { ...shown, data: elements(shown.dtype, bytes.buffer) }];
  });

const elements = (dtype: string, buffer: ArrayBuffer): ArrayLike<number> => {
  switch (dtype) {
    case 'float32':
    case 'float16':
    case 'bfloat16':
      return new Float32Array(buffer);
    case 'float64':
      return new Float64Array(buffer);
    case 'int64':
      return Array.from(new BigInt64Array(buffer), Number);
    case 'int32':
      return new Int32Array(buffer);
    case 'int8':
      return new Int8Array(buffer);
    default:
      return new Uint8Array(buffer);
  }
};
