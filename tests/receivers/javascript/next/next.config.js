import { dirname } from 'node:path';

// The parent folder, which has work.js.
export default { turbopack: { root: dirname(import.meta.dirname) } };
