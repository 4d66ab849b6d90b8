/** Who takes part in a run: each library as often as it is set up differently, each time in a process of its own. */
import { openInProcess } from './peers/process.ts';
import { torch } from './peers/torch.ts';
import type { Isa, OpenPeer, PeerName, Precision } from './task.ts';

/** How a library is set up. */
export interface Setup {
  readonly peer: PeerName;
  readonly threads: number;
  /** What Millrace assembles for, and what a native library is limited to; by default, what each chooses. */
  readonly target?: string;
  readonly precision?: Precision;
  /** The executable that runs it, where that is Node. */
  readonly node?: string;
}

export interface LaneInfo extends Omit<Setup, 'node'> {
  /** Unique within a run. */
  readonly id: string;
  /** The library and its target; the same for any number of threads and in any Node. */
  readonly name: string;
  readonly version: string;
  /** Version of Node, where it runs in Node. */
  readonly node?: string;
}

export interface Lane {
  readonly info: LaneInfo;
  readonly open: OpenPeer;
}

/** @throws if the library is not there, or cannot be set up so. */
export async function openLane(setup: Setup): Promise<Lane> {
  const { peer, node: executable = process.execPath, ...options } = setup;
  const { threads, precision } = options;
  const open: OpenPeer & { readonly node?: string } =
    peer === 'torch'
      ? await torch.open(options)
      : await openInProcess(peer, { ...options, node: executable });
  const { version, target, node } = open;
  const name = [peer, target, precision].filter((part) => part !== undefined).join('-');
  return {
    open,
    info: {
      peer,
      threads,
      name,
      id: idOf(name, threads, node),
      version,
      ...(node === undefined ? {} : { node }),
      ...(target === undefined ? {} : { target }),
      ...(precision === undefined ? {} : { precision }),
    },
  };
}

const idOf = (name: string, threads: number, node?: string): string =>
  [name, `threads ${threads}`, ...(node === undefined ? [] : [`Node ${node}`])].join(', ');

/** Every combination; Python is there once for each number of threads. */
export function setups(choice: {
  readonly peers: readonly PeerName[];
  readonly targets: readonly (string | undefined)[];
  readonly precisions: readonly (Precision | undefined)[];
  readonly threads: readonly number[];
  readonly nodes: readonly string[];
  readonly isa: Isa | undefined;
}): Setup[] {
  const limit = choice.isa === undefined ? {} : { target: choice.isa };
  return choice.threads.flatMap((threads) => {
    const others = choice.peers.filter((peer) => peer !== 'torch' && peer !== 'millrace');
    const inNode = choice.nodes.flatMap((node): Setup[] => [
      ...choice.targets.flatMap((target) =>
        choice.precisions.map((precision) => ({
          peer: 'millrace' as const,
          threads,
          node,
          ...(target === undefined ? {} : { target }),
          ...(precision === undefined ? {} : { precision }),
        })),
      ),
      ...others.map((peer) => ({ peer, threads, node, ...(peer === 'ort-node' ? limit : {}) })),
    ]);
    return choice.peers.includes('torch') ? [...inNode, { peer: 'torch', threads, ...limit }] : inNode;
  });
}
