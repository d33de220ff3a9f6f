// Draws lines over the last five minutes, and bars.
import { h, s, setText } from './dom.js';

const WIDTH = 400;
const HEIGHT = 170;
const LEFT = 52;
const RIGHT = 392;
const TOP = 8;
const BOTTOM = 148;
const SPAN_MILLIS = 300000;
/** A line breaks where there is no point for so long. */
const GAP_MILLIS = 5000;

/**
 * Returns the smallest of 1, 2 and 5 times a power of ten that is not below a value.
 * @param {number} value
 * @returns {number}
 */
function top(value) {
  if (value <= 0) {
    return 1;
  }
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= value * 0.999) ?? 10 * power;
}

/** A figure whose title tells the latest values, and whose drawing is described in words. */
export class Plot {
  /**
   * @param {string} title
   * @param {string[]} names of the lines
   * @param {(value: number | null) => string} format
   */
  constructor(title, names, format) {
    this.title = title;
    this.names = names;
    this.format = format;
    /** @type {number[]} */
    this.times = [];
    /** @type {(number | null)[][]} */
    this.values = names.map(() => []);
    this.high = 1;
    this.end = 0;
    this.readings = names.map((_, i) => h('span', { class: `value key${i}` }));
    this.paths = names.map((_, i) => s('path', { class: `s${i}` }));
    this.marks = [0, 0.5, 1].map((share) => s('text', { x: LEFT - 6, y: BOTTOM - share * (BOTTOM - TOP) + 4, 'text-anchor': 'end' }));
    this.cursor = s('line', { class: 'cursor', x1: 0, x2: 0, y1: TOP, y2: BOTTOM, visibility: 'hidden' });
    this.svg = s('svg', { class: 'plot', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img' },
      ...[0, 0.5, 1].map((share) => s('line', { class: 'grid', x1: LEFT, x2: RIGHT,
        y1: BOTTOM - share * (BOTTOM - TOP), y2: BOTTOM - share * (BOTTOM - TOP) })),
      ...[0, 1, 2, 3, 4, 5].map((minute) => s('text', { x: RIGHT - (minute / 5) * (RIGHT - LEFT), y: HEIGHT - 6,
        'text-anchor': minute === 0 ? 'end' : 'middle' }, minute === 0 ? 'now' : `−${minute} min`)),
      ...this.marks, ...this.paths, this.cursor);
    this.svg.addEventListener('pointermove', (event) => this.point(event));
    this.svg.addEventListener('pointerleave', () => this.show(this.times.length - 1, false));
    this.element = h('figure', {}, h('figcaption', {}, h('span', {}, title), ...this.readings), this.svg);
  }

  /**
   * @param {number[]} times
   * @param {(number | null)[][]} values a list for each line
   */
  update(times, values) {
    this.times = times;
    this.values = values;
    this.end = times.length > 0 ? times[times.length - 1] : 0;
    const highest = Math.max(0, ...values.flat().map((value) => value ?? 0));
    this.high = top(highest);
    this.marks.forEach((mark, i) => setText(mark, this.format((this.high * i) / 2)));
    this.paths.forEach((path, i) => path.setAttribute('d', this.line(values[i])));
    if (this.cursor.getAttribute('visibility') === 'hidden') {
      this.show(times.length - 1, false);
    }
    const latest = this.names.map((name, i) => `${name} ${this.format(values[i].at(-1) ?? null)}`).join(', ');
    this.svg.setAttribute('aria-label', `${this.title} over the last five minutes; now ${latest}; highest ${this.format(highest)}`);
  }

  /**
   * @param {(number | null)[]} values
   * @returns {string}
   */
  line(values) {
    let path = '';
    let isDrawing = false;
    values.forEach((value, i) => {
      const time = this.times[i];
      if (value === null || time < this.end - SPAN_MILLIS) {
        isDrawing = false;
        return;
      }
      isDrawing = isDrawing && time - this.times[i - 1] < GAP_MILLIS;
      const y = BOTTOM - Math.min(1, value / this.high) * (BOTTOM - TOP);
      path += `${isDrawing ? 'L' : 'M'}${this.x(time).toFixed(1)} ${y.toFixed(1)}`;
      isDrawing = true;
    });
    return path;
  }

  /**
   * @param {number} time
   * @returns {number}
   */
  x(time) {
    return RIGHT - ((this.end - time) / SPAN_MILLIS) * (RIGHT - LEFT);
  }

  /** @param {PointerEvent} event */
  point(event) {
    const box = this.svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * WIDTH;
    const time = this.end - ((RIGHT - x) / (RIGHT - LEFT)) * SPAN_MILLIS;
    let nearest = -1;
    this.times.forEach((each, i) => {
      if (nearest < 0 || Math.abs(each - time) < Math.abs(this.times[nearest] - time)) {
        nearest = i;
      }
    });
    this.show(nearest, nearest >= 0);
  }

  /**
   * Shows the values of a point, and where it is.
   * @param {number} index
   * @param {boolean} isMarked
   */
  show(index, isMarked) {
    this.cursor.setAttribute('visibility', isMarked ? 'visible' : 'hidden');
    if (isMarked) {
      const x = this.x(this.times[index]).toFixed(1);
      this.cursor.setAttribute('x1', x);
      this.cursor.setAttribute('x2', x);
    }
    this.readings.forEach((reading, i) => setText(reading,
      `${this.names[i]} ${this.format(index < 0 ? null : this.values[i][index] ?? null)}`));
  }
}

/** A figure with a bar for each size. */
export class Bars {
  /** @param {string} title */
  constructor(title) {
    this.title = title;
    this.drawn = '';
    this.note = h('span', { class: 'value' });
    this.svg = s('svg', { class: 'plot', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img' });
    this.element = h('figure', {}, h('figcaption', {}, h('span', {}, title), this.note), this.svg);
  }

  /** @param {[number, number][]} bars size and count, ascending */
  update(bars) {
    const total = bars.reduce((sum, [, count]) => sum + count, 0);
    const described = bars.map(([size, count]) => `${size}: ${count}`).join(', ');
    if (this.drawn === described && this.svg.hasAttribute('aria-label')) {
      return;
    }
    this.drawn = described;
    setText(this.note, total === 0 ? 'no executions' : `${total} executions`);
    this.svg.setAttribute('aria-label', `${this.title}: ${described || 'no executions'}`);
    const highest = Math.max(1, ...bars.map(([, count]) => count));
    const room = (RIGHT - LEFT) / Math.max(1, bars.length);
    const every = Math.ceil(bars.length / 16);
    this.svg.replaceChildren(s('line', { class: 'grid', x1: LEFT, x2: RIGHT, y1: BOTTOM, y2: BOTTOM }),
      s('text', { x: LEFT - 6, y: TOP + 8, 'text-anchor': 'end' }, String(highest)),
      ...bars.flatMap(([size, count], i) => {
        const height = (count / highest) * (BOTTOM - TOP);
        const middle = LEFT + room * (i + 0.5);
        const width = Math.min(40, room * 0.7);
        return [s('rect', { class: 's0', x: middle - width / 2, y: BOTTOM - height, width, height }),
          i % every === 0 ? s('text', { x: middle, y: HEIGHT - 6, 'text-anchor': 'middle' }, String(size)) : null];
      }).filter((each) => each !== null));
  }
}
