import { spawn, execFileSync, type ChildProcessByStdio } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { HostTensor, Isa, Peer, Task } from '../task.ts';

/**
 * PyTorch in a Python process of its own, which takes the time itself: the pipe between us is not in it.
 * Any `python3` on the PATH will do that can import torch; the environment variable PYTHON names another.
 */
export const torch: Peer = {
  name: 'torch',
  async open({ threads, target }) {
    python ??= findPython();
    const server = new Server(python, threads, target === undefined ? {} : limits[target as Isa]);
    const { version } = await server.ask({ op: 'version' });
    return {
      version: `PyTorch ${version}`,
      ...(target === undefined ? {} : { target }),
      async prepare(task: Task) {
        const { inputs, expected: _, ...rest } = task;
        await server.ask(rest, inputs);
        return {
          time: async (samples, repeats) => (await server.ask({ op: 'time', samples, repeats })).times ?? [],
          output: async () => (await server.ask({ op: 'output' })).payload,
          dispose: () => undefined,
        };
      },
      close: () => server.close(),
    };
  },
};

/** How each part of it is told what it may use: its own kernels, oneDNN (by its name and its former one), BLAS. */
const limits: Readonly<Record<Isa, Readonly<Record<string, string>>>> = {
  avx2: {
    ATEN_CPU_CAPABILITY: 'avx2',
    ONEDNN_MAX_CPU_ISA: 'AVX2',
    DNNL_MAX_CPU_ISA: 'AVX2',
    MKL_ENABLE_INSTRUCTIONS: 'AVX2',
    OPENBLAS_CORETYPE: 'Haswell',
  },
};

let python: string | undefined;

function findPython(): string {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'python3'));
  const candidates = [process.env['PYTHON'], ...onPath].filter(
    (path) => path !== undefined && existsSync(path),
  );
  const found = candidates.find((python) => {
    try {
      execFileSync(python as string, ['-c', 'import torch'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
  if (!found) throw new Error('no python3 on the PATH can import torch; set PYTHON to one that can');
  return found;
}

interface Reply {
  readonly version?: string;
  readonly times?: number[];
  readonly payload: Float32Array;
}

/** The Python process: one question at a time, answered in order. The framing is described in torch_server.py. */
class Server {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #chunks: AsyncIterator<Buffer>;
  #buffered: Buffer = Buffer.alloc(0);

  constructor(python: string, threads: number, environment: Readonly<Record<string, string>>) {
    const script = fileURLToPath(new URL('./torch_server.py', import.meta.url));
    const count = String(threads);
    this.#process = spawn(python, [script, count], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, OMP_NUM_THREADS: count, OPENBLAS_NUM_THREADS: count, ...environment },
    });
    this.#chunks = this.#process.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  async ask(message: object, inputs: Readonly<Record<string, HostTensor>> = {}): Promise<Reply> {
    const tensors = Object.entries(inputs);
    const shapes = Object.fromEntries(tensors.map(([name, { shape }]) => [name, shape]));
    const header = Buffer.from(JSON.stringify({ ...message, inputs: shapes }));
    const size = Buffer.alloc(4);
    size.writeUInt32LE(header.length);
    const payloads = tensors.map(
      ([, { data }]) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    );
    this.#process.stdin.write(Buffer.concat([size, header, ...payloads]));

    const length = (await this.#read(4)).readUInt32LE();
    const reply = JSON.parse((await this.#read(length)).toString()) as { bytes: number; error?: string };
    const payload = new Float32Array(new Uint8Array(await this.#read(reply.bytes)).buffer);
    if (reply.error !== undefined) throw new Error(`PyTorch: ${reply.error}`);
    return { ...reply, payload };
  }

  async #read(count: number): Promise<Buffer> {
    const chunks = [this.#buffered];
    let length = this.#buffered.length;
    while (length < count) {
      const { value, done } = await this.#chunks.next();
      if (done) throw new Error('the PyTorch process ended');
      chunks.push(value);
      length += value.length;
    }
    const all = Buffer.concat(chunks);
    this.#buffered = all.subarray(count);
    return all.subarray(0, count);
  }

  close(): void {
    this.#process.stdin.end();
  }
}
