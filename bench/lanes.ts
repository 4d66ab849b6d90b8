/** Who takes part in a run: each library as often as it is set up differently, each time in a process of its own. */
import { openInProcess } from './peers/process.ts';
import { torch } from './peers/torch.ts';
import type { OpenPeer, PeerName, Precision } from './task.ts';

/** How a library is set up. */
export interface Setup {
  readonly peer: PeerName;
  readonly threads: number;
  /** Millrace: what it assembles for; by default it chooses. */
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
  const { peer, threads, precision } = setup;
  const options = { threads, ...(precision === undefined ? {} : { precision }) };
  if (peer === 'torch') {
    const open = await torch.open(options);
    return {
      open,
      info: { peer, threads, name: peer, id: idOf(peer, threads), version: open.version },
    };
  }
  const { target } = setup;
  const open = await openInProcess(peer, {
    ...options,
    node: setup.node ?? process.execPath,
    ...(target === undefined ? {} : { target }),
  });
  const { version, node } = open;
  const name = [peer, open.target, precision].filter((part) => part !== undefined).join('-');
  return {
    open,
    info: {
      peer,
      threads,
      name,
      id: idOf(name, threads, node),
      version,
      node,
      ...(open.target === undefined ? {} : { target: open.target }),
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
}): Setup[] {
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
      ...others.map((peer) => ({ peer, threads, node })),
    ]);
    return choice.peers.includes('torch') ? [...inNode, { peer: 'torch', threads }] : inNode;
  });
}
