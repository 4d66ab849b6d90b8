/** What a contender's process does: it opens one library, and answers one question at a time. */
import { Refusal, type Contender, type OpenPeer, type Peer, type PeerName } from '../task.ts';
import { millrace } from './millrace.ts';
import { ortNode } from './ort-node.ts';
import { ortWeb } from './ort-web.ts';
import type { Answer, Question } from './process.ts';
import { tfjsWasm } from './tfjs-wasm.ts';

const peers: Readonly<Record<Exclude<PeerName, 'torch'>, Peer>> = {
  millrace,
  'ort-node': ortNode,
  'ort-web': ortWeb,
  'tfjs-wasm': tfjsWasm,
};

let open: OpenPeer | undefined;
let contender: Contender | undefined;

async function answer(question: Question): Promise<unknown> {
  switch (question.ask) {
    case 'open': {
      open = await peers[question.peer].open(question.options);
      const { version, target, peak } = open;
      return { version, target, hasPeak: peak !== undefined, node: process.versions.node };
    }
    case 'prepare':
      contender = await open?.prepare(question.task);
      return contender?.setupMs;
    case 'time':
      return contender?.time(question.samples, question.repeats);
    case 'output':
      return contender?.output();
    case 'dispose':
      return contender?.dispose();
    case 'peak':
      return open?.peak?.();
    default:
      throw new TypeError(`no such question: ${String(question satisfies never)}`);
  }
}

export function serve(): void {
  const send = (reply: Answer): void => {
    process.send?.(reply);
  };
  process.on('message', (question: Question) => {
    answer(question).then(
      (value) => {
        send({ value });
      },
      (error: unknown) => {
        send({ error: (error as Error).message, refused: error instanceof Refusal });
      },
    );
  });
  process.on('disconnect', () => process.exit());
}
