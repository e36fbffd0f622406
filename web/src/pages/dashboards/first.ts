// The board that an address names is asked for while the code that draws it is still on its way.

import { identify } from '../../lib/about.svelte';
import { readBoard } from '../../lib/api/grafana';
import { session } from '../../lib/session.svelte';

type Answer = Awaited<ReturnType<typeof readBoard>>;

let first: { uid: string; answer: Promise<Answer> } | null = null;

/** Asks for it as soon as we know that we may. */
export function begin(uid: string): void {
  const answer = identify().then(() => {
    if (session.state !== 'in') throw new Error('nobody has signed in');
    return readBoard(uid, new AbortController().signal);
  });
  // What goes wrong with it is found out, and told, by asking again.
  answer.catch(() => (first = null));
  first = { uid, answer };
}

/** A board: what was asked for before, once; or asked for now. */
export async function fetched(uid: string, signal: AbortSignal): Promise<Answer> {
  const begun = first?.uid === uid ? first.answer : null;
  first = null;
  return (await begun?.catch(() => null)) ?? readBoard(uid, signal);
}
