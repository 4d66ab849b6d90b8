/** A library in a process of its own, with its own Node, environment and threads: nobody's setting is another's. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Refusal, type OpenPeer, type PeerName, type PeerOptions, type TaskMessage } from '../task.ts';

export type Question =
  | { readonly ask: 'open'; readonly peer: Exclude<PeerName, 'torch'>; readonly options: PeerOptions }
  | { readonly ask: 'prepare'; readonly task: TaskMessage }
  | { readonly ask: 'time'; readonly samples: number; readonly repeats: number }
  | { readonly ask: 'output' | 'dispose' | 'peak' };

export type Answer = { readonly value: unknown } | { readonly error: string; readonly refused: boolean };

export interface ProcessOptions extends PeerOptions {
  /** The Node that runs it. */
  readonly node: string;
}

interface Opened {
  readonly version: string;
  readonly target?: string;
  readonly hasPeak: boolean;
  readonly node: string;
}

/** @throws if the library does not start there. */
export async function openInProcess(
  peer: Exclude<PeerName, 'torch'>,
  { node, ...options }: ProcessOptions,
): Promise<OpenPeer & { readonly node: string }> {
  const { target } = options;
  const child = new Child(node, target === undefined ? {} : { MILLRACE_TARGET: target });
  try {
    const { hasPeak, ...opened } = await child.ask<Opened>({ ask: 'open', peer, options });
    return {
      ...opened,
      prepare: async ({ expected: _, ...task }) => {
        const setupMs = await child.ask<number | undefined>({ ask: 'prepare', task });
        return {
          ...(setupMs === undefined ? {} : { setupMs }),
          time: (samples, repeats) => child.ask<number[]>({ ask: 'time', samples, repeats }),
          output: () => child.ask<Float32Array>({ ask: 'output' }),
          dispose: () => child.ask({ ask: 'dispose' }),
        };
      },
      ...(hasPeak ? { peak: () => child.ask<number>({ ask: 'peak' }) } : {}),
      close: () => {
        child.close();
      },
    };
  } catch (error) {
    child.close();
    throw error;
  }
}

/** One question at a time, answered before the next. */
class Child {
  readonly #process: ChildProcess;
  #waiting: { resolve(value: unknown): void; reject(error: Error): void } | undefined;

  constructor(node: string, environment: Readonly<Record<string, string>>) {
    const script = fileURLToPath(new URL('child.js', import.meta.url));
    this.#process = fork(script, {
      execPath: node,
      execArgv: [],
      serialization: 'advanced',
      env: { ...process.env, ...environment },
    });
    this.#process.on('message', (answer: Answer) => {
      const { resolve, reject } = this.#waiting!;
      this.#waiting = undefined;
      if ('value' in answer) resolve(answer.value);
      else reject(answer.refused ? new Refusal(answer.error) : new Error(answer.error));
    });
    const gone = (reason: string): void => this.#waiting?.reject(new Error(`its process ${reason}`));
    this.#process.on('error', ({ message }) => gone(message));
    this.#process.on('exit', (code, signal) => gone(`ended (${signal ?? String(code)})`));
  }

  ask<T>(question: Question): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting = { resolve: (value) => resolve(value as T), reject };
      if (!this.#process.connected) reject(new Error('its process has ended'));
      else this.#process.send(question);
    });
  }

  close(): void {
    if (this.#process.connected) this.#process.disconnect();
  }
}
