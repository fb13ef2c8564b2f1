// Doing something again and again, but only while somebody can see it.

/**
 * Runs `task` every `milliseconds`, never twice at once, until `signal` ends it.
 * A hidden tab pauses; coming back runs the task at once.
 * `onProblem(error)` hears of a failed run, `onProblem(null)` of the first good one after it.
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
