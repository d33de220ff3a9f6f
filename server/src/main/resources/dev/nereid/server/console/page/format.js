// Numbers and times as people read them.

/**
 * @param {number | null | undefined} value
 * @returns {string}
 */
export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) {
    return '–';
  }
  const size = Math.abs(value);
  const digits = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2;
  return value.toLocaleString('en', { maximumFractionDigits: digits });
}

/**
 * @param {number | null | undefined} micros
 * @returns {string}
 */
export function duration(micros) {
  if (micros === null || micros === undefined) {
    return '–';
  }
  if (micros < 1000) {
    return `${number(Math.round(micros))} µs`;
  }
  return micros < 1e6 ? `${number(micros / 1000)} ms` : `${number(micros / 1e6)} s`;
}

/**
 * @param {number | null | undefined} count
 * @returns {string}
 */
export function bytes(count) {
  if (count === null || count === undefined || count < 0) {
    return '–';
  }
  let value = count;
  let unit = 0;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${number(value)} ${units[unit]}`;
}

/**
 * @param {number | null | undefined} share
 * @returns {string}
 */
export function percent(share) {
  return share === null || share === undefined ? '–' : `${number(Math.round(share * 1000) / 10)} %`;
}

/**
 * @param {number} millis since the epoch
 * @returns {string}
 */
export function time(millis) {
  return millis > 0 ? new Date(millis).toLocaleTimeString() : '–';
}

/**
 * @param {number} millis
 * @returns {string}
 */
export function age(millis) {
  const minutes = Math.floor(millis / 60000);
  if (minutes < 60) {
    return `${minutes} min`;
  }
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}
