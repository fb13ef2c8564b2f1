// Repeats a task while the page is visible.

/**
 * Runs `task` every `milliseconds`, never twice at once, until `signal` is aborted.
 * Pauses while the tab is hidden, and runs the task at once when it is visible again.
 * Calls `onProblem(error)` after a failed run, and `onProblem(null)` after the first success that follows.
 */
export function poll(milliseconds, task, signal, onProblem = () => {}) {
  let timer;
  let running = false;
  let failed = false;
  const run = async () => {
    clearTimeout(timer);
    if (running || document.hidden || signal.aborted) return;
    running = true;
    try {
      await task();
      if (failed) onProblem(null);
      failed = false;
    } catch (error) {
      if (signal.aborted) return;
      failed = true;
      onProblem(error);
    } finally {
      running = false;
    }
    if (!signal.aborted) timer = setTimeout(run, milliseconds);
  };
  document.addEventListener("visibilitychange", run, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  timer = setTimeout(run, milliseconds);
}

export function pause(milliseconds) {
  return new Promise((resolve) => { setTimeout(resolve, milliseconds); });
}
