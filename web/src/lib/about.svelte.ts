// Facts of the server that many pages need; read once after signing in.

import { about, type About } from './api/lingshao';

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
