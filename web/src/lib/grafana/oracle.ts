// Grafana's own library, for tests alone: what it says of the same data is what ours must say. Needs jsdom.

import { createRequire } from 'node:module';
import type { DataFrame, Field as TheirField } from '@grafana/data';
import { vi } from 'vitest';
import type { FieldOptions } from './fields';
import type { Field, Frame } from './frame';

// Hundreds of cases in one test take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

// Its ES modules name exports that a CommonJS part of them does not declare, so Node takes the CommonJS build.
export const grafana = createRequire(import.meta.url)('@grafana/data') as typeof import('@grafana/data');

/** Our frames as theirs. */
export function theirs(frames: Frame[]): DataFrame[] {
  return frames.map((frame) => ({ ...frame, fields: frame.fields.map(theirField) }));
}

function theirField({ name, type, values, labels, config }: Field): TheirField {
  return { name, type: type as TheirField['type'], values: [...values], labels: labels && { ...labels }, config: theirConfig(config) };
}

function theirConfig({ sourceName, ownRange, custom, ...rest }: FieldOptions): TheirField['config'] {
  const config = { ...rest, custom, displayNameFromDS: sourceName, fieldMinMax: ownRange };
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined)) as TheirField['config'];
}

/** What a reader sees of frames: names, types and values. `null` and `undefined` are both nothing. */
export function seen(frames: { fields: { name: string; type: string; values: unknown[] }[]; length: number }[], name: (field: number, frame: number) => string) {
  return frames.map((frame, at) => ({
    length: frame.length,
    fields: frame.fields.map((field, index) => ({
      name: name(index, at),
      type: field.type,
      values: Array.from(field.values, (value) => value ?? null),
    })),
  }));
}
