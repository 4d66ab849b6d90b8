// A contender's process: plain JavaScript, so that any Node can start it. TypeScript is only translated until our
// own files are here: the libraries that are measured run as they are.
import { register } from 'tsx/esm/api';

const unregister = register();
const { serve } = await import('./serve.ts');
await unregister();
serve();
