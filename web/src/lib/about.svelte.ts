// Facts of the server that many pages need; read once after signing in.

import { about, type About } from './api/lingshao';
import { session } from './session.svelte';

class ServerFacts {
  facts = $state.raw<About | null>(null);

  async load(): Promise<void> {
    this.facts = await about();
  }

  /** IANA name of the zone in which people read times. */
  get timeZone(): string {
    return this.facts?.time_zone ?? 'Asia/Shanghai';
  }
}

export const server = new ServerFacts();

let identifying: Promise<void> | null = null;

/** Asks who we are and, if we may know, what the server is; asked again while it waits, it is the same question. */
export function identify(): Promise<void> {
  identifying ??= ask().finally(() => (identifying = null));
  return identifying;
}

async function ask(): Promise<void> {
  // Both at once: nearly always we may know.
  const facts = server.facts === null ? server.load() : undefined;
  facts?.catch(() => undefined);
  if (session.state === 'unknown') await session.refresh();
  if (session.state === 'in') await facts;
}
