// What can wait until the page itself is there.

/** Longest wait: a page that is never idle needs it too. */
const WAIT_MAX_MS = 1000;
/** Where the browser does not say when it is idle (Safari). */
const GUESS_MS = 300;

/** Begins something once the browser has nothing else to do. The returned function ends it, begun or not. */
export function whenIdle(begin: () => () => void): () => void {
  let end: (() => void) | undefined;
  const work = () => (end = begin());
  if (typeof requestIdleCallback === 'function') {
    const handle = requestIdleCallback(work, { timeout: WAIT_MAX_MS });
    return () => (cancelIdleCallback(handle), end?.());
  }
  const timer = setTimeout(work, GUESS_MS);
  return () => (clearTimeout(timer), end?.());
}
