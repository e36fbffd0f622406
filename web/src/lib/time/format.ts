// Times as people of the shop read them: 24 hours, the server's time zone.

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = zone + JSON.stringify(options);
  let found = formats.get(key);
  if (found === undefined) {
    // Swedish writes dates as ISO does.
    found = new Intl.DateTimeFormat('sv-SE', { ...options, timeZone: zone, hourCycle: 'h23' });
    formats.set(key, found);
  }
  return found;
}

const DATE: Intl.DateTimeFormatOptions = { year: 'numeric', month: '2-digit', day: '2-digit' };
const CLOCK: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', second: '2-digit' };

/** `2026-11-26 20:30:05` */
export function dateTime(seconds: number, zone: string): string {
  return format(zone, { ...DATE, ...CLOCK }).format(seconds * 1000);
}

/** `2026-11-26 20:30:05.123`, from milliseconds */
export function exactTime(milliseconds: number, zone: string): string {
  const whole = Math.floor(milliseconds / 1000);
  return `${dateTime(whole, zone)}.${String(Math.floor(milliseconds) - whole * 1000).padStart(3, '0')}`;
}

/** `20:30:05` */
export function clock(seconds: number, zone: string): string {
  return format(zone, CLOCK).format(seconds * 1000);
}

/** `20:30` */
export function shortClock(seconds: number, zone: string): string {
  return format(zone, { hour: '2-digit', minute: '2-digit' }).format(seconds * 1000);
}

/** `11-26` */
export function shortDate(seconds: number, zone: string): string {
  return dateTime(seconds, zone).slice(5, 10);
}

/** Seconds since midnight of the day in which a moment lies, in the zone. */
export function secondsOfDay(seconds: number, zone: string): number {
  const [hours = 0, minutes = 0, rest = 0] = clock(seconds, zone).split(':').map(Number);
  return hours * 3600 + minutes * 60 + rest;
}
