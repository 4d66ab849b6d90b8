/** Arguments of kernels whose list of parameters depends on what they are specialised for: by name. */
import { launch, type LaunchArguments, type LaunchOptions, type Region } from '../device/launch.ts';
import type { Arguments, KernelDefinition, Pointer, Spec, Value } from '../lang/index.ts';

/** What the body of such a kernel is given. */
export type Named = Arguments<Spec>;

export const pointer = (args: Named, name: string): Pointer => args[name] as unknown as Pointer;
export const number = (args: Named, name: string): Value => args[name]!;

/** As `launch`, which finds out by itself whether the arguments fit. */
export const launchNamed = (
  definition: KernelDefinition,
  args: Readonly<Record<string, Region | number>>,
  end: number,
  options: LaunchOptions,
): void => launch(definition, args as LaunchArguments<Spec>, 0, end, options);
