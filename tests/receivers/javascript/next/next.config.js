import { dirname } from 'node:path';

// The folder above, because work.js is there.
export default { turbopack: { root: dirname(import.meta.dirname) } };
