/**
 * Which way imports run (docs/architecture.md). Type imports count as imports: who needs another room's
 * types knows that room.
 */

/** From the top to the bottom. A room imports from its own row and from the rows under it. */
const rows = [
  ['index.ts'],
  ['nn'],
  ['optim'],
  ['data', 'vision'],
  ['io'],
  ['methods.ts'],
  ['ops'],
  ['autograd'],
  ['tensor'],
  ['kernels'],
  ['device'],
  ['target'],
  ['lang'],
  ['errors.ts', 'dtype.ts', 'half.ts', 'fma.ts'],
];

/** npm packages that src may import. */
const allowedPackages = ['fflate', 'koffi'];

const room = (name) => (name.endsWith('.ts') ? `^src/${name.replace('.', '\\.')}$` : `^src/${name}/`);

const downward = rows.slice(1).map((row, i) => ({
  name: `${row.join('-and-')}-imports-downward`,
  comment: `${row.join(', ')} must not import from a room above: ${rows
    .slice(0, i + 1)
    .flat()
    .join(', ')}.`,
  severity: 'error',
  from: { path: row.map(room) },
  to: {
    path: rows
      .slice(0, i + 1)
      .flat()
      .map(room),
  },
}));

module.exports = {
  forbidden: [
    ...downward,
    {
      name: 'every-file-has-a-room',
      comment: 'A new room must be given its row in .dependency-cruiser.cjs.',
      severity: 'error',
      from: {},
      to: { path: '^src/', pathNot: rows.flat().map(room) },
    },
    {
      name: 'no-circle',
      comment: 'Two files that need each other hide a third: find it.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'src-stands-alone',
      comment: 'What is published must not import what is not.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|examples|scripts|docs)/' },
    },
    {
      name: 'src-imports-no-package',
      comment:
        'A package that src needs is named in allowedPackages, stands in dependencies, and behind one file.',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        path: 'node_modules/',
        pathNot: ['node_modules/@types/node/', ...allowedPackages.map((name) => `node_modules/${name}/`)],
      },
    },
    {
      name: 'src-runs-in-a-page',
      comment:
        'A page has no node: modules, and a bundler fails on a static import of one. Ask for it when needed: ' +
        "process.getBuiltinModule('node:fs'). Importing its types is free.",
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['core'], dependencyTypesNot: ['type-only', 'dynamic-import'] },
    },
    {
      name: 'everything-resolves',
      comment: 'The consumers in test/package/ import the installed package.',
      severity: 'error',
      from: { pathNot: '^test/package/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|coverage)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
