// Next.js calls this once, when a server starts and before its first request.

export async function register() {
  // Next.js also bundles this file for its edge runtime, which has no file system.
  if (process.env.NEXT_RUNTIME === 'nodejs') {
    const { start } = await import('../work.js');
    start();
  }
}
