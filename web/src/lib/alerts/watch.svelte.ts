// The alerts of this moment, for everybody who shows them: asked for once, while somebody looks.

import { alerts, silences } from '../api/alertmanager';
import { receivers, type Receiver } from '../api/lingshao';
import { ruleGroups, type RuleGroup } from '../api/rules';
import { poll } from '../poll';
import { syncClock } from '../time/server';
import { rowsOf, type Row } from './rows';

const EVERY_MS = 3000;
/** For a number in the navigation; thousands of alerts are a megabyte, and no oftener is often enough for them too. */
const CALM_MS = 12_000;
const MANY = 500;
const RECEIVERS_EVERY_MS = 60_000;

class AlertWatch {
  rows = $state.raw<Row[]>([]);
  groups = $state.raw<RuleGroup[]>([]);
  receivers = $state.raw<Receiver[] | null>(null);
  /** Whether an answer has come at all. */
  loaded = $state(false);
  error = $state<unknown>(null);

  private watchers = 0;
  private eager = 0;
  private stop: (() => void) | undefined;
  private receiversAt = -Infinity;
  private readAt = -Infinity;

  /** Keeps `rows` up to date until the returned function is called. */
  watch(pace: 'live' | 'calm' = 'live'): () => void {
    const weight = pace === 'live' ? 1 : 0;
    this.watchers += 1;
    this.eager += weight;
    if (this.watchers === 1) {
      this.readAt = -Infinity;
      this.stop = poll((signal) => this.read(signal), EVERY_MS);
    }
    return () => {
      this.watchers -= 1;
      this.eager -= weight;
      if (this.watchers === 0) this.stop?.();
    };
  }

  /** After a change of our own, which should show at once. */
  async refresh(): Promise<void> {
    this.readAt = -Infinity;
    await this.read();
  }

  private async read(signal?: AbortSignal): Promise<void> {
    const pause = this.eager === 0 || this.rows.length > MANY ? CALM_MS : 0;
    if (performance.now() - this.readAt < pause) {
      return;
    }
    try {
      const [firing, groups] = await Promise.all([
        alerts(signal),
        ruleGroups(signal),
        this.readReceivers(),
        syncClock(signal),
      ]);
      const someWait = groups.some((group) => group.rules.some((rule) => rule.type === 'alerting' && rule.state === 'pending'));
      const held = someWait ? await silences(signal) : [];
      this.groups = groups;
      this.rows = rowsOf(firing, groups, this.receivers, held);
      this.readAt = performance.now();
      this.loaded = true;
      this.error = null;
    } catch (error) {
      this.error = error;
      throw error;
    }
  }

  /** Without the list every receiver counts as heard. */
  private async readReceivers(): Promise<void> {
    if (performance.now() - this.receiversAt < RECEIVERS_EVERY_MS) {
      return;
    }
    try {
      this.receivers = await receivers();
      this.receiversAt = performance.now();
    } catch {
      // What is known of them stays.
    }
  }
}

export const watch = new AlertWatch();
