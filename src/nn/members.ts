/** What a module consists of: how parameters, buffers and children are named, found and walked. */
import { AttributeError, KeyError, ValueError } from '../errors.ts';
import { Parameter } from '../tensor/parameter.ts';
import { Tensor } from '../tensor/tensor.ts';
import { typeName } from '../tensor/type-name.ts';
import {
  attributeNames,
  bareModule,
  checkName,
  isRegistered,
  nameModuleClass,
  registeredMember,
} from './attributes.ts';

/**
 * The part of `Module` that is about its members. `Child` is a module of whatever class.
 */
export class ModuleMembers<Child extends ModuleMembers<Child>> {
  /** @internal */ declare readonly _parameters: Map<string, Parameter | null>;
  /** @internal */ declare readonly _buffers: Map<string, Tensor | null>;
  /** @internal */ declare readonly _modules: Map<string, Child | null>;
  /** @internal */ declare readonly _nonPersistentBuffers: Set<string>;

  constructor() {
    return bareModule(new.target.prototype as object) as this;
  }

  /**
   * Names a parameter; null reserves the name; a parameter of that name is replaced in its place.
   *
   * @throws TypeError when the name is no string, or the value no parameter
   * @throws KeyError when the name is empty, has a dot, or is that of another attribute
   * @throws ValueError when the parameter was computed from others
   */
  registerParameter(name: string, parameter: Parameter | null): void {
    checkName('parameter', name);
    if (this._hasOther(name, this._parameters)) throw new KeyError(`attribute '${name}' already exists`);
    if (parameter !== null && !(parameter instanceof Parameter)) {
      throw new TypeError(
        `cannot assign '${typeName(parameter)}' object to parameter '${name}' (torch.nn.Parameter or None required)`,
      );
    }
    if (parameter !== null && parameter.gradFn !== null) {
      throw new ValueError(
        `Cannot assign non-leaf Tensor to parameter '${name}'. Model parameters must be created explicitly. To express '${name}' as a function of another Tensor, compute the value in the forward() method.`,
      );
    }
    this._parameters.set(name, parameter);
  }

  /**
   * Names a tensor that belongs to the module's state but is not learned, such as running statistics. Doing so again
   * replaces the tensor, and whether it is saved.
   *
   * @param persistent  whether it is saved in state dictionaries. Default true.
   * @throws TypeError when the name is no string, or the value no tensor
   * @throws KeyError when the name is empty, has a dot, or is that of another attribute
   */
  registerBuffer(name: string, tensor: Tensor | null, persistent = true): void {
    checkName('buffer', name);
    if (this._hasOther(name, this._buffers)) throw new KeyError(`attribute '${name}' already exists`);
    if (tensor !== null && !(tensor instanceof Tensor)) {
      throw new TypeError(
        `cannot assign '${typeName(tensor)}' object to buffer '${name}' (torch Tensor or None required)`,
      );
    }
    this._buffers.set(name, tensor);
    if (persistent) this._nonPersistentBuffers.delete(name);
    else this._nonPersistentBuffers.add(name);
  }

  /**
   * Names a child; null reserves the name; a child of that name is replaced in its place.
   *
   * @throws TypeError when the value is no module, or the name no string
   * @throws KeyError when the name is that of another attribute, has a dot, or is empty
   */
  addModule(name: string, module: Child | null): void {
    if (module !== null && !(module instanceof ModuleMembers))
      throw new TypeError(`${typeName(module)} is not a Module subclass`);
    if (typeof name !== 'string')
      throw new TypeError(`module name should be a string. Got ${typeName(name)}`);
    if (this._hasOther(name, this._modules)) throw new KeyError(`attribute '${name}' already exists`);
    if (name.includes('.')) throw new KeyError(`module name can't contain ".", got: ${name}`);
    if (name === '') throw new KeyError('module name can\'t be empty string ""');
    this._modules.set(name, module);
  }
  /** Alias of `addModule`. */
  registerModule(name: string, module: Child | null): void {
    this.addModule(name, module);
  }

  /** This module as its parents know it. */
  private get _self(): Child {
    return this as unknown as Child;
  }
  private _hasOther(name: string, registry: ReadonlyMap<string, unknown>): boolean {
    return name in this && !registry.has(name);
  }

  /**
   * An attribute by name: the module's own or its class's, else a parameter, buffer or child.
   *
   * @throws AttributeError when there is none
   */
  getAttribute(name: string): unknown {
    if (!(name in this)) throw this._noAttribute(name);
    return (this as unknown as Readonly<Record<string, unknown>>)[name];
  }
  /** Removes a parameter, buffer, child or attribute of its own. @throws AttributeError when there is none */
  deleteAttribute(name: string): void {
    if (!Object.hasOwn(this, name)) throw this._noAttribute(name);
    Reflect.deleteProperty(this, name);
  }
  private _noAttribute(name: string): AttributeError {
    return new AttributeError(`'${this._getName()}' object has no attribute '${name}'`);
  }
  /** All names there are, sorted: attributes, parameters, buffers, children, and the members of the class. */
  attributeNames(): string[] {
    return attributeNames(this);
  }

  /** This module and all below it, each once, a parent before its children. */
  *modules(): IterableIterator<Child> {
    for (const [, module] of this.namedModules()) yield module;
  }
  /**
   * The same with their paths; this one's is `prefix`.
   *
   * @param memo  modules to leave out with all below them. Default none.
   * @param prefix  put before the paths, with a dot. Default ''.
   * @param removeDuplicate  whether a module that is there several times appears once. Default true.
   */
  *namedModules(
    memo = new Set<Child>(),
    prefix = '',
    removeDuplicate = true,
  ): IterableIterator<[path: string, module: Child]> {
    if (memo.has(this._self)) return;
    if (removeDuplicate) memo.add(this._self);
    yield [prefix, this._self];
    for (const [name, child] of this._modules) {
      if (child !== null) yield* child.namedModules(memo, joined(prefix, name), removeDuplicate);
    }
  }

  /** The modules directly below, each once. */
  *children(): IterableIterator<Child> {
    for (const [, child] of this.namedChildren()) yield child;
  }
  /** The same with their names. */
  *namedChildren(): IterableIterator<[name: string, child: Child]> {
    const seen = new Set<Child>();
    for (const [name, child] of this._modules) {
      if (child === null || seen.has(child)) continue;
      seen.add(child);
      yield [name, child];
    }
  }

  /** The parameters here and (unless `recurse` is false) below, each once. */
  *parameters(recurse = true): IterableIterator<Parameter> {
    for (const [, parameter] of this.namedParameters('', recurse)) yield parameter;
  }
  /** The same with their paths, behind `prefix` and a dot. */
  namedParameters(prefix = '', recurse = true): IterableIterator<[path: string, parameter: Parameter]> {
    return this._namedMembers((module) => module._parameters, prefix, recurse);
  }
  /** The buffers here and (unless `recurse` is false) below, each once, also those that are not saved. */
  *buffers(recurse = true): IterableIterator<Tensor> {
    for (const [, buffer] of this.namedBuffers('', recurse)) yield buffer;
  }
  /** The same with their paths, behind `prefix` and a dot. */
  namedBuffers(prefix = '', recurse = true): IterableIterator<[path: string, buffer: Tensor]> {
    return this._namedMembers((module) => module._buffers, prefix, recurse);
  }

  /** What `getMembers` finds in each module, by path; an object that is there several times under its first. */
  *_namedMembers<T extends object>(
    getMembers: (module: Child) => Iterable<[string, T | null]>,
    prefix = '',
    recurse = true,
  ): IterableIterator<[path: string, member: T]> {
    const seen = new Set<T>();
    const modules: Iterable<[string, Child]> = recurse
      ? this.namedModules(new Set(), prefix)
      : [[prefix, this._self]];
    for (const [path, module] of modules) {
      for (const [name, member] of getMembers(module)) {
        if (member === null || seen.has(member)) continue;
        seen.add(member);
        yield [joined(path, name), member];
      }
    }
  }

  /** The module at a dotted path; '' is this one. @throws AttributeError when there is none */
  getSubmodule(path: string): Child {
    let module = this._self;
    for (const name of path === '' ? [] : path.split('.')) {
      const next = memberOf(module, name);
      if (!(next instanceof ModuleMembers)) throw new AttributeError(`\`${name}\` is not an nn.Module`);
      module = next as Child;
    }
    return module;
  }
  /** The parameter at a dotted path. @throws AttributeError when there is none */
  getParameter(path: string): Parameter {
    const [module, name] = this._owner(path);
    const found = memberOf(module, name);
    if (!(found instanceof Parameter)) throw new AttributeError(`\`${name}\` is not an nn.Parameter`);
    return found;
  }
  /** The buffer at a dotted path. @throws AttributeError when there is none */
  getBuffer(path: string): Tensor {
    const [module, name] = this._owner(path);
    memberOf(module, name);
    const buffer = module._buffers.get(name);
    if (!buffer) throw new AttributeError(`\`${name}\` is not a buffer`);
    return buffer;
  }
  private _owner(path: string): [module: Child, name: string] {
    const cut = path.lastIndexOf('.');
    return [this.getSubmodule(path.slice(0, Math.max(cut, 0))), path.slice(cut + 1)];
  }

  /** Calls `f` with every module below, and then with this one; a module shared by several parents once for each. */
  apply(f: (module: Child) => void): this {
    for (const child of this.children()) child.apply(f);
    f(this._self);
    return this;
  }

  /** Bytes of all parameters and buffers here and below, each counted once. */
  get byteLength(): number {
    let bytes = 0;
    for (const tensor of new Set<Tensor>([...this.parameters(), ...this.buffers()]))
      bytes += tensor.numel() * tensor.elementSize();
    return bytes;
  }
  /** The class's name, as texts show it. */
  _getName(): string {
    return this.constructor.name;
  }
}

nameModuleClass(ModuleMembers);

/** A dotted path. */
const joined = (prefix: string, name: string): string => (prefix === '' ? name : `${prefix}.${name}`);

/** A member by name, for paths: a registered one also where the class has a member of that name. */
const memberOf = <Child extends ModuleMembers<Child>>(module: Child, name: string): unknown => {
  if (isRegistered(module, name)) return registeredMember(module, name);
  if (!(name in module)) throw new AttributeError(`${module._getName()} has no attribute \`${name}\``);
  return (module as unknown as Readonly<Record<string, unknown>>)[name];
};
