// Moments written by a pattern such as `YYYY-MM-DD HH:mm`, in a time zone. Patterns are those of Grafana's boards.

import { civil } from '../time/range';

type Civil = ReturnType<typeof civil>;

/** Minutes by which the zone is ahead of UTC at that moment. */
function offsetOf(milliseconds: number, zone: string): number {
  const { year, month, day, hour, minute, second } = civil(milliseconds / 1000, zone);
  const there = Date.UTC(year, month - 1, day, hour, minute, second);
  return Math.round((there - Math.floor(milliseconds / 1000) * 1000) / 60_000);
}

const TOKEN = /\[([^\]]*)\]|\\(.)|YYYY|YY|MMMM|MMM|MM|M|DD|Do|D|dddd|ddd|HH|H|hh|h|mm|m|ss|s|SSS|A|a|ZZ|Z|X|x/g;

const two = (n: number) => String(n).padStart(2, '0');

/** Writes a moment; `[text]` and `\c` stand for themselves. */
export function formatDate(milliseconds: number, pattern: string, zone: string): string {
  const moment = Math.trunc(milliseconds);
  const parts = civil(moment / 1000, zone);
  return pattern.replace(TOKEN, (token, text?: string, one?: string) => text ?? one ?? word(token, moment, parts, zone));
}

function word(token: string, milliseconds: number, parts: Civil, zone: string): string {
  const { year, month, day, hour, minute, second } = parts;
  const half = hour % 12 || 12;
  switch (token) {
    case 'YYYY': return String(year);
    case 'YY': return two(year % 100);
    case 'MMMM': return named(milliseconds, zone, { month: 'long' });
    case 'MMM': return named(milliseconds, zone, { month: 'short' });
    case 'MM': return two(month);
    case 'M': return String(month);
    case 'DD': return two(day);
    case 'Do': return ordinal(day);
    case 'D': return String(day);
    case 'dddd': return named(milliseconds, zone, { weekday: 'long' });
    case 'ddd': return named(milliseconds, zone, { weekday: 'short' });
    case 'HH': return two(hour);
    case 'H': return String(hour);
    case 'hh': return two(half);
    case 'h': return String(half);
    case 'mm': return two(minute);
    case 'm': return String(minute);
    case 'ss': return two(second);
    case 's': return String(second);
    case 'SSS': return String(Math.floor(((milliseconds % 1000) + 1000) % 1000)).padStart(3, '0');
    case 'A': return hour < 12 ? 'AM' : 'PM';
    case 'a': return hour < 12 ? 'am' : 'pm';
    case 'Z': return offsetText(offsetOf(milliseconds, zone), ':');
    case 'ZZ': return offsetText(offsetOf(milliseconds, zone), '');
    case 'X': return String(Math.floor(milliseconds / 1000));
    default: return String(milliseconds);
  }
}

function named(milliseconds: number, zone: string, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat('en-US', { ...options, timeZone: zone }).format(milliseconds);
}

function ordinal(day: number): string {
  const end = day >= 11 && day <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][day % 10] ?? 'th');
  return `${day}${end}`;
}

function offsetText(minutes: number, between: string): string {
  const ahead = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(ahead / 60))}${between}${two(ahead % 60)}`;
}
