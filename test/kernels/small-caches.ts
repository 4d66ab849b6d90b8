import { currentTarget, setTarget, type Target, type TargetName } from '../../src/device/target.ts';

/** A target whose caches seem to be so small that small cases fall into several blocks in every dimension. */
export const withSmallCaches = ({ machine, ...target }: Target): Target => ({
  ...target,
  kernels: new Map(),
  machine: { ...machine, name: `${machine.name} with small caches`, l1: 1024, l2: 4096 },
});

const made = new Map<TargetName, Target>();

/** Chooses such a target, the same whenever it is asked for. */
export const setSmallCaches = (name: TargetName): void => {
  setTarget(name);
  let target = made.get(name);
  if (target === undefined) made.set(name, (target = withSmallCaches(currentTarget())));
  setTarget(target);
};
