/**
 * What the machine can do at best: multiply-adds on registers alone, in GFLOP/s. Every report of `npm run bench` has it.
 *
 *     npx tsx bench/micro/peak.ts [threads]
 */
import * as launching from '../../src/device/launch.ts';
import * as memory from '../../src/device/memory.ts';
import * as targets from '../../src/device/target.ts';
import { setNumThreads } from '../../src/device/threads/number.ts';
import * as lang from '../../src/lang/index.ts';
import { measurePeak, type Rooms } from '../peak.ts';

const threads = Number(process.argv[2] ?? 1);
setNumThreads(threads);
const rooms: Rooms = { ...lang, ...memory, ...launching, ...targets };
const peak = Math.max(...Array.from({ length: 20 }, () => measurePeak(rooms, threads)));
console.log(`${targets.currentTarget().name}, threads: ${threads}: ${peak.toFixed(1)} GFLOP/s`);
