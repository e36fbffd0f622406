// Fingers on a chart: one scrolls the page (or moves the cursor sideways), two zoom.

export interface Fingers {
  /** What the chart shows, in seconds. */
  range: () => [number, number];
  /** While the fingers move. */
  preview: (from: number, to: number) => void;
  /** When they are lifted. */
  done: (from: number, to: number) => void;
  /** One finger moves sideways; pixels from the corner of the element. */
  drag: (left: number, top: number) => void;
}

/** Closer fingers would zoom to nothing. */
const APART_MIN_PX = 24;

/** The range in which two moments lie under two places, of an element `width` wide. */
export function pinched(moments: [number, number], places: [number, number], width: number): [number, number] {
  const apart = places[1] - places[0];
  const room = Math.sign(apart || 1) * Math.max(APART_MIN_PX, Math.abs(apart));
  const perPixel = (moments[1] - moments[0]) / room;
  const from = moments[0] - places[0] * perPixel;
  return [from, from + width * perPixel];
}

/** Listens to the fingers on an element until the returned function is called. */
export function pinch(element: HTMLElement, fingers: Fingers): () => void {
  const places = new Map<number, number>();
  let moments: [number, number] | null = null;
  let latest: [number, number] | null = null;
  const inside = (event: PointerEvent) => event.clientX - element.getBoundingClientRect().left;

  function down(event: PointerEvent): void {
    if (event.pointerType !== 'touch') {
      return;
    }
    places.set(event.pointerId, inside(event));
    const [a, b] = [...places.values()];
    if (a !== undefined && b !== undefined) {
      const [from, to] = fingers.range();
      const at = (place: number) => from + ((to - from) * place) / element.clientWidth;
      moments = a < b ? [at(a), at(b)] : [at(b), at(a)];
    }
  }

  function move(event: PointerEvent): void {
    if (!places.has(event.pointerId)) {
      return;
    }
    places.set(event.pointerId, inside(event));
    const [a, b] = [...places.values()];
    if (moments === null || a === undefined || b === undefined) {
      fingers.drag(inside(event), event.clientY - element.getBoundingClientRect().top);
      return;
    }
    latest = pinched(moments, a < b ? [a, b] : [b, a], element.clientWidth);
    fingers.preview(...latest);
  }

  function up(event: PointerEvent): void {
    places.delete(event.pointerId);
    if (places.size === 0 && latest !== null) {
      fingers.done(...latest);
    }
    if (places.size === 0) {
      moments = latest = null;
    }
  }

  element.style.touchAction = 'pan-y';
  const listeners = { pointerdown: down, pointermove: move, pointerup: up, pointercancel: up };
  const entries = Object.entries(listeners) as ['pointerdown', (event: PointerEvent) => void][];
  entries.forEach(([name, listener]) => element.addEventListener(name, listener));
  return () => entries.forEach(([name, listener]) => element.removeEventListener(name, listener));
}
