/** Arguments of kernels: views, and by name where the list of parameters depends on what a kernel is specialised for. */
import { launch, type LaunchArguments, type LaunchOptions, type Region } from '../device/launch.ts';
import { byteOffset, type View } from '../device/view.ts';
import type { Arguments, KernelDefinition, Pointer, Spec, Value } from '../lang/index.ts';

/** A view's elements, from its first. */
export const region = (view: View): Region => ({ storage: view.storage, byteOffset: byteOffset(view) });

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
