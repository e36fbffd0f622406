// What a series is called, when its panel does not say.

import type { Labels } from '../api/prometheus';
import { labelsText, VALUE, type Field, type Frame } from './frame';

/** The name of a field as Grafana shows it: the configured one, the query's legend, else what tells it from the others. */
export function displayName(field: Field, frame: Frame, frames: Frame[] = [frame]): string {
  if (field.config.displayName) return field.config.displayName;
  if (field.config.sourceName) return field.config.sourceName;
  if (field.type === 'time' && field.labels === undefined) return field.name;
  return derivedName(field, frame, frames);
}

function derivedName(field: Field, frame: Frame, frames: Frame[]): string {
  const parts: string[] = [];
  const framesDiffer = frames.some((one, index) => index > 0 && one.name !== frames[index - 1]?.name);
  if (framesDiffer && frame.name) {
    parts.push(frame.name);
  }
  const named = parts.length > 0;
  if (field.name !== '' && field.name !== VALUE) {
    parts.push(field.name);
  }
  const labels = field.labels && labelPart(field.labels, frames);
  if (labels) {
    parts.push(labels);
  }
  if (!named && !labels && field.name === VALUE && frame.name) {
    parts.push(frame.name);
  }
  const name = parts.length > 0 ? parts.join(' ') : field.name || VALUE;
  return name === field.name ? distinct(field, frame) : name;
}

/** All labels; when no series has another label than one, its value alone. */
function labelPart(labels: Labels, frames: Frame[]): string {
  const only = onlyLabel(frames);
  return only === undefined ? labelsText(labels) : (labels[only] ?? '');
}

function onlyLabel(frames: Frame[]): string | undefined {
  let only: string | undefined;
  for (const frame of frames) {
    for (const { labels } of frame.fields) {
      for (const name in labels) {
        if (only !== undefined && only !== name) return undefined;
        only = name;
      }
    }
  }
  return only;
}

/** The second column of a name gets a number. */
function distinct(field: Field, frame: Frame): string {
  const alike = frame.fields.filter(({ name }) => name === field.name);
  const index = alike.indexOf(field);
  return alike.length < 2 || index < 0 ? field.name : `${field.name} ${index + 1}`;
}

/** `{{ label }}` filled in; labels that are missing leave nothing. */
export function fillLegend(template: string, labels: Labels): string {
  return template.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, name: string) => labels[name] ?? '');
}

/** Labels in which the series differ. */
function varyingLabels(all: Labels[]): Set<string> {
  const varying = new Set<string>();
  for (const labels of all) {
    for (const name of Object.keys(labels)) {
      if (all.some((other) => other[name] !== labels[name])) {
        varying.add(name);
      }
    }
  }
  return varying;
}

/**
 * Names for the series of a query without a legend: the values of the labels in which they differ, with the labels' names
 * where a value alone says little. Ours, and shorter than Grafana's, which repeats every label in every line.
 */
export function compactNames(all: Labels[], expr: string): string[] {
  const varying = varyingLabels(all);
  const told = [...varying].filter((name) => name !== '__name__').sort();
  return all.map((labels) => {
    const metric = varying.size === 0 || varying.has('__name__') ? (labels.__name__ ?? '') : '';
    const present = told.filter((name) => labels[name] !== undefined);
    const alone = told.length === 1 && metric === '';
    const rest = present.map((name) => (alone ? labels[name] : `${name}=${labels[name]}`)).join(' ');
    return [metric, rest].filter((part) => part !== '').join(' ') || expr || labelsText(labels) || VALUE;
  });
}
